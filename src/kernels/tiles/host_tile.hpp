#pragma once

// The register tile of the host's products, convolutions, recurrences and attention. GNU vector
// extensions, no Kokkos; only for the sources in host/.

#include <cstddef>

#include "core/host_vector.hpp"

namespace ridgeline::kernels::host {

using ridgeline::host::kLanes;
using ridgeline::host::kVectorBytes;
using ridgeline::host::load;
using ridgeline::host::shuffled;
using ridgeline::host::store;
using ridgeline::host::Vector;

#if defined(__AVX512F__)
inline constexpr int kRows = 14;  // 14 × 2 accumulators of 32 registers
#else
inline constexpr int kRows = 6;  // 6 × 2 accumulators of 16 registers
#endif
inline constexpr int kVectors = 2;
template <class T>
inline constexpr int kColumns = kLanes<T>* kVectors;

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Returns the start of part `i` if `n` is divided into `parts` as evenly as possible.
inline int part(int n, int parts, int i) {
  return static_cast<int>(static_cast<long long>(n) * i / parts);
}

// Computes tile[R][kColumns] = sum over k of a[i, k] · b[k, :], with a[i, k] at i · a_outer + k ·
// a_k and a whole row of kColumns values loaded from b + k · b_k.
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

// Returns the kernel for a tile of `rows`, 1 to kRows.
template <class T, int R = kRows>
TileKernel<T> tile_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return tile_kernel<T, R - 1>(rows);
  }
  return multiply_tile<T, R>;
}

}  // namespace ridgeline::kernels::host
