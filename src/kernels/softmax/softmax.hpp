#pragma once

#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// Computes y = e^(x - max x) / Σ e^(x - max x) over each row. x, y: [rows, columns]; y may be x.
template <class Space, class T>
void softmax(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
             const Matrix<Space, T>& y);

/// Computes dx = y (dy - Σ dy y) over each row, from y = softmax(x). All are [rows, columns]; dx
/// may be dy.
template <class Space, class T>
void softmax_gradient(const Space& instance, const std::string& label,
                      const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                      const Matrix<Space, T>& dx);

}  // namespace ridgeline::kernels
