#pragma once

#include <cstddef>

// The widest vectors that the target's instruction set has, as GNU vector extensions, for the
// probes whose machine code must be known; included by host_*.cpp alone, so that nvcc never sees
// it.

namespace ridgeline::machine::host {

#if defined(__AVX512F__)
inline constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr std::size_t kVectorBytes = 32;
#else
inline constexpr std::size_t kVectorBytes = 16;
#endif

// Architectures with 32 vector registers; the others have 16.
#if defined(__AVX512F__) || defined(__aarch64__) || defined(__powerpc64__) || defined(__riscv)
inline constexpr bool kManyRegisters = true;
#else
inline constexpr bool kManyRegisters = false;
#endif

template <class T>
struct VectorOf {
  // Aligned as its element: a chunk may begin anywhere, and an aligned access costs the same.
  typedef T type __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
inline constexpr std::size_t kLanes = kVectorBytes / sizeof(T);

}  // namespace ridgeline::machine::host
