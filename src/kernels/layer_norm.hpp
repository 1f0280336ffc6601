#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// y = (x - mean) / √(variance + ε) · weight + bias for every row of x [rows, features], with the
/// row's own mean and biased variance, taken in two passes so that nothing cancels. y may be x.
/// `statistics` [rows, 2], or empty, gets mean and 1 / √(variance + ε), which backward needs.
template <class Space, class T>
void layer_norm(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                const Vector<Space, const T>& weight, const Vector<Space, const T>& bias,
                double epsilon, const Matrix<Space, T>& y, const Vector<Space, T>& statistics);

/// Names of the kernels of layer_norm_gradient.
struct LayerNormLabels {
  explicit LayerNormLabels(const std::string& label)
      : rows(label), partial(label + "/weight"), combine(label + "/weight/combine") {}
  std::string rows, partial, combine;
};

/// With x̂ = (x - mean) · inverse and g = dy · weight:
///   dx = inverse · (g - mean(g) - x̂ · mean(g x̂)),  dweight = Σ_rows dy x̂,  dbias = Σ_rows dy.
/// Without memory in dx it is not computed; dx may be dy. Rows are summed by blocks, which depend
/// on the shape alone, and then blocks in order. `workspace` holds layer_norm_workspace scalars.
template <class Space, class T>
void layer_norm_gradient(const Space& instance, const LayerNormLabels& labels,
                         const Matrix<Space, const T>& x, const Vector<Space, const T>& weight,
                         const Vector<Space, const T>& statistics, const Matrix<Space, const T>& dy,
                         const Matrix<Space, T>& dx, const Vector<Space, T>& weight_gradient,
                         const Vector<Space, T>& bias_gradient, const Vector<Space, T>& workspace);

/// Scalars of workspace of layer_norm_gradient.
std::size_t layer_norm_workspace(std::size_t rows, std::size_t features);

}  // namespace ridgeline::kernels
