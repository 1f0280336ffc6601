#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/rows/columns.hpp"

namespace ridgeline::kernels {

/// Computes y = (x - mean) / √(variance + ε) · weight + bias for every row of x [rows, features],
/// with the row's mean and biased variance, in two passes to avoid cancellation. y may be x.
/// `statistics` [rows, 2], unless empty, receives mean and 1 / √(variance + ε), which the gradient
/// needs.
template <class Space, class T>
void layer_norm(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
                const Vector<Space, const T>& weight, const Vector<Space, const T>& bias,
                double epsilon, const Matrix<Space, T>& y, const Vector<Space, T>& statistics);

/// Computes, with x̂ = (x - mean) · inverse and g = dy · weight:
///   dx = inverse · (g - mean(g) - x̂ · mean(g x̂)),  dweight = Σ_rows dy x̂,  dbias = Σ_rows dy.
/// dx is not computed if it is empty, and may be dy. `workspace` holds layer_norm_workspace
/// scalars.
template <class Space, class T>
void layer_norm_gradient(const Space& instance, const RowAndColumnLabels& labels,
                         const Matrix<Space, const T>& x, const Vector<Space, const T>& weight,
                         const Vector<Space, const T>& statistics, const Matrix<Space, const T>& dy,
                         const Matrix<Space, T>& dx, const Vector<Space, T>& weight_gradient,
                         const Vector<Space, T>& bias_gradient, const Vector<Space, T>& workspace);

/// Returns the scalars of workspace of layer_norm_gradient.
inline std::size_t layer_norm_workspace(std::size_t rows, std::size_t features) {
  return column_workspace<2>(rows, features);
}

}  // namespace ridgeline::kernels
