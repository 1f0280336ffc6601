#pragma once

#include <cstddef>
#include <cstdint>

namespace ridgeline::kernels::host {

// Softmax and losses over rows [begin, end) of a matrix on a host. Sums over a row are kept in
// lanes, and elementary functions run over some rows at a time, so that short rows are vector code
// too. A NaN goes through. Pure C++ (GNU vector extensions).

/// y = exp(x - max) / sum(exp(x - max)); y may be x.
template <class T>
void softmax(std::size_t columns, std::size_t begin, std::size_t end, const T* x, T* y);

/// dx = y (dy - sum(y dy)); dx may be dy.
template <class T>
void softmax_gradient(std::size_t columns, std::size_t begin, std::size_t end, const T* y,
                      const T* dy, T* dx);

/// kernels/loss.hpp's cross-entropy; `scale` is 1 / rows. `gradient` may be z or null.
template <class T>
void cross_entropy(std::size_t classes, std::size_t begin, std::size_t end, const T* z,
                   const std::int32_t* labels, T smoothing, T scale, T* gradient, T* row_loss,
                   T* row_correct);

/// kernels/loss.hpp's other losses; `scale` is 1 / (rows · columns), `gradient` may be null.
template <class T>
void squared_error(std::size_t columns, std::size_t begin, std::size_t end, const T* y,
                   const T* targets, T scale, T* gradient, T* row_loss);
template <class T>
void binary_cross_entropy(std::size_t columns, std::size_t begin, std::size_t end, const T* z,
                          const T* targets, T scale, T* gradient, T* row_loss);

}  // namespace ridgeline::kernels::host
