#pragma once

#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// Softmax of each row of x [rows, columns]: y = exp(x - max) / sum(exp(x - max)).
template <class Space, class T>
void softmax(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
             const Matrix<Space, T>& y);

/// Its gradient from the output: dx = y (dy - sum over the row of y dy).
template <class Space, class T>
void softmax_gradient(const Space& instance, const std::string& label,
                      const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                      const Matrix<Space, T>& dx);

}  // namespace ridgeline::kernels
