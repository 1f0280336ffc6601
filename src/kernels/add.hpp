#pragma once

#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// sum = a + b, element by element, [rows, columns] each; `sum` may be `a` or `b`.
template <class Space, class T>
void add(const Space& instance, const std::string& label, const Matrix<Space, const T>& a,
         const Matrix<Space, const T>& b, const Matrix<Space, T>& sum);

}  // namespace ridgeline::kernels
