#pragma once

// Host vector registers, the widest of the instruction set, as GNU vector extensions. Does not use
// Kokkos; nvcc's host pass compiles it too.

#include <cstddef>
#include <cstdint>

#include "core/cuda/compiler.hpp"

namespace ridgeline::host {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

/// Defined by the library for its own width alone: a program that is compiled for another
/// instruction set, in which the same names are other types, does not link. Its name states the
/// remedy: linking ridgeline::kernel_options.
template <int Bytes>
int link_ridgeline_kernel_options();
template <>
int link_ridgeline_kernel_options<kVectorBytes>();
inline const int library_vector_bytes = link_ridgeline_kernel_options<kVectorBytes>();

/// True if there are 32 vector registers, false if there are 16.
#if defined(__AVX512F__) || defined(__aarch64__) || defined(__powerpc64__) || defined(__riscv)
inline constexpr bool kManyRegisters = true;
#else
inline constexpr bool kManyRegisters = false;
#endif

/// Scalars per register.
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// One specialisation per scalar, since nvcc does not deduce a vector type that depends on a
// template parameter.
template <class T>
struct RegisterOf;
template <>
struct RegisterOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes), may_alias));
  using Integer = std::int32_t;
  typedef Integer integers __attribute__((vector_size(kVectorBytes)));
};
template <>
struct RegisterOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes), may_alias));
  using Integer = std::int64_t;
  typedef Integer integers __attribute__((vector_size(kVectorBytes)));
};

/// A vector register, aligned to its size in memory.
template <class T>
using Register = typename RegisterOf<T>::type;
/// An integer of the width of T, and a register of them, for masks, permutations and exponents.
template <class T>
using LaneInteger = typename RegisterOf<T>::Integer;
template <class T>
using IntegerVector = typename RegisterOf<T>::integers;

/// Returns a register whose lane i is lane `at[i]` of the 2 · kLanes lanes of `a` and `b`.
template <class Lanes, class Indices>
inline Lanes shuffled(Lanes a, Lanes b, Indices at) {
#if defined(__clang__)
  constexpr int kCount = sizeof(Indices) / sizeof(at[0]);
  Lanes lanes = a;
  for (int i = 0; i < kCount; ++i) lanes[i] = at[i] < kCount ? a[at[i]] : b[at[i] - kCount];
  return lanes;
#else
  return __builtin_shuffle(a, b, at);
#endif
}

/// Reduces the lanes pairwise by halves of the register, in a fixed order. join(a, b) operates on
/// all lanes of two registers.
template <class T, class Join, int Half = kLanes<T> / 2>
inline T join_lanes(const Register<T>& v, const Join& join) {
  if constexpr (Half == 0) {
    return v[0];
  } else {
    IntegerVector<T> upper;
    for (int lane = 0; lane < kLanes<T>; ++lane) upper[lane] = (lane + Half) % kLanes<T>;
    return join_lanes<T, Join, Half / 2>(join(v, shuffled(v, v, upper)), join);
  }
}

#if !RIDGELINE_DEVICE_COMPILER

/// A vector with the alignment of its scalars, for unaligned access, which is as fast if the
/// address is aligned. `Lanes` below kLanes is for short rows.
template <class T, int Lanes = kLanes<T>>
using Vector __attribute__((vector_size(Lanes * sizeof(T)), aligned(sizeof(T)), may_alias)) = T;

template <class T, int Lanes = kLanes<T>>
inline const Vector<T, Lanes>& load(const T* p) {
  return *reinterpret_cast<const Vector<T, Lanes>*>(p);
}
template <class T, int Lanes = kLanes<T>>
inline void store(T* p, const Vector<T, Lanes>& v) {
  *reinterpret_cast<Vector<T, Lanes>*>(p) = v;
}

/// Returns every second value of two vectors, from the first or the second on.
template <class T, int Lanes = kLanes<T>>
inline Vector<T, Lanes> every_second(const Vector<T, Lanes>& a, const Vector<T, Lanes>& b,
                                     int first) {
  decltype(a > b) at;
  for (int i = 0; i < Lanes; ++i) at[i] = 2 * i + first;
  return shuffled(a, b, at);
}

/// Returns the values of a and b alternately, from their `first` on.
template <class T, int Lanes = kLanes<T>>
inline Vector<T, Lanes> interleaved(const Vector<T, Lanes>& a, const Vector<T, Lanes>& b,
                                    int first) {
  decltype(a > b) at;
  for (int i = 0; i < Lanes; ++i) at[i] = first + i / 2 + i % 2 * Lanes;
  return shuffled(a, b, at);
}

/// Returns a vector with `value` in every lane.
template <class T>
inline Vector<T> fill(T value) {
  return Vector<T>{} + value;
}

/// Returns a vector with 0, 1, 2 … in the lanes.
template <class T>
inline IntegerVector<T> lane_numbers() {
  IntegerVector<T> indices;
  for (int lane = 0; lane < kLanes<T>; ++lane) indices[lane] = lane;
  return indices;
}

#endif

}  // namespace ridgeline::host
