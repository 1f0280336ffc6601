#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// The host's layer normalisation over rows [begin, end); see kernels/layer_norm.hpp. Every sum goes
// through the lanes of two vectors in a fixed order. Pure C++ (GNU vector extensions), compiled by
// the host compiler even where Kokkos's compiler is nvcc.

template <class T>
struct LayerNorm {
  std::size_t features;
  const T* x;
  const T* weight;
  const T* bias;  ///< forward
  T* y;           ///< forward
  const T* dy;    ///< backward
  T* dx;          ///< backward, or null
  T epsilon;

  /// `statistics` [rows, 2] gets mean and 1 / deviation of every row, or is null.
  void forward(std::size_t begin, std::size_t end, T* statistics) const;
  /// Overwrites `weight_sums` and `bias_sums` [features] with the sums over these rows.
  void backward(std::size_t begin, std::size_t end, const T* statistics, T* weight_sums,
                T* bias_sums) const;
};

/// to[i] = Σ over `count` rows, `stride` apart, of from[row][i], for i in [begin, end).
template <class T>
void add_rows(const T* from, std::size_t count, std::size_t stride, std::size_t begin,
              std::size_t end, T* to);

}  // namespace ridgeline::kernels::host
