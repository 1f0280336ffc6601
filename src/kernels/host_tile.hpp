#pragma once

// A tile of registers, which the host's products, convolutions, recurrences and attention are made
// of. GNU vector extensions, no Kokkos; for the host_*.cpp files alone.

#include <cstddef>

namespace ridgeline::kernels::host {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kRows = 14;  // 14 × 2 accumulators of 32 registers
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kRows = 6;  // 6 × 2 accumulators of 16 registers
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kRows = 6;
#endif
inline constexpr int kVectors = 2;

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int kColumns = kLanes<T>* kVectors;

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Start of part `i` when `n` is cut into `parts` as evenly as can be.
inline int part(int n, int parts, int i) {
  return static_cast<int>(static_cast<long long>(n) * i / parts);
}

template <class T>
using Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias)) = T;
template <class T>
const Vector<T>& load(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}
template <class T>
void store(T* p, const Vector<T>& v) {
  *reinterpret_cast<Vector<T>*>(p) = v;
}

/// Lane `at[i]` of the 2 L lanes of `a` and `b` in lane i.
template <class Lanes, class Indices>
Lanes shuffled(Lanes a, Lanes b, Indices at) {
#if defined(__clang__)
  constexpr int kCount = sizeof(Indices) / sizeof(at[0]);
  Lanes lanes = a;
  for (int i = 0; i < kCount; ++i) lanes[i] = at[i] < kCount ? a[at[i]] : b[at[i] - kCount];
  return lanes;
#else
  return __builtin_shuffle(a, b, at);
#endif
}

// tile[R][kColumns] = sum over k of a[i, k] · b[k, :], with a[i, k] at i · a_outer + k · a_k and a
// whole row of kColumns values read at b + k · b_k.
template <class T, int R>
void multiply_tile(int depth, const T* a, std::ptrdiff_t a_outer, std::ptrdiff_t a_k, const T* b,
                   std::ptrdiff_t b_k, T* tile) {
  Vector<T> sum[R][kVectors] = {};
  for (int k = 0; k < depth; ++k) {
    Vector<T> column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = load<T>(b + v * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T value = a[i * a_outer];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[i][v] += value * column[v];
    }
    a += a_k;
    b += b_k;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store<T>(tile + i * kColumns<T> + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using TileKernel = void (*)(int, const T*, std::ptrdiff_t, std::ptrdiff_t, const T*, std::ptrdiff_t,
                            T*);

// The kernel for a tile of 1 to kRows rows.
template <class T, int R = kRows>
TileKernel<T> tile_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return tile_kernel<T, R - 1>(rows);
  }
  return multiply_tile<T, R>;
}

}  // namespace ridgeline::kernels::host
