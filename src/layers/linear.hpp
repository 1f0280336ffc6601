#pragma once

#include <algorithm>
#include <cstddef>

#include "layers/layer_of.hpp"

// Y = X Wᵀ + b over rows, in the layers that contain it: dense, attention's projections, and the
// inputs of the recurrent layers. X [rows, in], W [out, in], b [out], Y [rows, out].

namespace ridgeline::layers {

/// Returns the scalars of workspace of the forward product.
inline std::size_t linear_workspace(const Target& target, std::size_t rows, std::size_t in,
                                    std::size_t out) {
  return product_workspace(target, {rows, out, in, false, true});
}

/// Returns the scalars of workspace of linear_gradients. `factor`: dY is multiplied by a
/// derivative.
inline std::size_t linear_gradients_workspace(const Target& target, std::size_t rows,
                                              std::size_t in, std::size_t out, bool factor = false,
                                              bool bias = true) {
  return std::max(product_workspace(target, {rows, in, out, false, false, factor, false}),
                  product_workspace(target, {out, in, rows, true, false, factor, bias}));
}

/// Returns the forward product, to which an activation may be added. `bias` may be empty.
template <class Space, class T>
kernels::GemmArguments<Space, T> linear(const Matrix<Space, const T>& x,
                                        const Matrix<Space, const T>& weight,
                                        const Vector<Space, const T>& bias,
                                        const Matrix<Space, T>& y) {
  kernels::GemmArguments<Space, T> product;
  product.a = x;
  product.b = weight;
  product.c = y;
  product.transpose_b = true;
  product.bias = bias;
  return product;
}

/// Names of the kernels of linear_gradients.
struct LinearLabels {
  kernels::GemmLabels input, weight;
};

/// Computes dX = dY W, unless dX has no memory, then dW = dYᵀ X and db, the sum of dY over rows,
/// unless `bias_gradient` is empty. `product` has dY as its `a`, with its factor, if there is one.
template <class Space, class T>
void linear_gradients(const Space& instance, const LinearLabels& labels,
                      kernels::GemmBackend backend, kernels::GemmArguments<Space, T> product,
                      const Matrix<Space, const T>& x, const Matrix<Space, const T>& weight,
                      const Matrix<Space, T>& dx, const Matrix<Space, T>& weight_gradient,
                      const Vector<Space, T>& bias_gradient, const Vector<Space, T>& workspace) {
  if (dx.data()) {
    product.b = weight;
    product.c = dx;
    kernels::gemm(instance, labels.input, backend, product, workspace);
  }
  product.transpose_a = true;
  product.b = x;
  product.c = weight_gradient;
  product.row_sums = bias_gradient;
  kernels::gemm(instance, labels.weight, backend, product, workspace);
}

}  // namespace ridgeline::layers
