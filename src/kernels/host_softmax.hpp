#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// Softmax row by row, whole vectors at a time and every sum in a fixed order. Pure C++ (GNU vector
// extensions), compiled by the host compiler even where Kokkos's compiler is nvcc.

/// y = e^(z - max z) / Σ e^(z - max z) of one row of n; y may be z.
template <class T>
void softmax_row(std::size_t n, const T* z, T* y);

/// dx = y (dy - Σ dy y) of one row; dx may be dy.
template <class T>
void softmax_gradient_row(std::size_t n, const T* y, const T* dy, T* dx);

/// Softmax with cross-entropy of one row against label `target`, with smoothed labels
/// q = (1 - smoothing) onehot + smoothing / n:
///   loss = log Σ e^(z - max) + max - Σ q z,  gradient = scale (softmax(z) - q).
/// `gradient` may be null, or z itself.
template <class T>
struct CrossEntropyRow {
  T loss;
  bool correct;  ///< whether the first largest logit is the label's
};
template <class T>
CrossEntropyRow<T> cross_entropy_row(std::size_t n, const T* z, std::size_t target, T smoothing,
                                     T scale, T* gradient);

}  // namespace ridgeline::kernels::host
