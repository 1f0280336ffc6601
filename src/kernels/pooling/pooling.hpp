#pragma once

#include <string>

#include "core/views.hpp"
#include "kernels/pooling/shape.hpp"

namespace ridgeline::kernels {

/// Computes the maximum, if `largest`, or the average of every window of every plane: x [planes,
/// height, width], y [planes, out_height, out_width]. A maximum is the first of the largest values,
/// or the last NaN, and never padding. An average counts padding as zeros.
template <class Space, class T>
void pool(const Space& instance, const std::string& label, const PoolShape& shape, bool largest,
          const Vector<Space, const T>& x, const Vector<Space, T>& y);

/// Computes dx: the sum of dy of all windows of which x is the maximum, which is computed again,
/// or, for averages, of each window's dy divided by its size. Windows that share an input are added
/// in a fixed order, without atomics. Averages do not read x.
template <class Space, class T>
void pool_gradient(const Space& instance, const std::string& label, const PoolShape& shape,
                   bool largest, const Vector<Space, const T>& x, const Vector<Space, const T>& dy,
                   const Vector<Space, T>& dx);

/// Computes the means of the rows (whole planes): x [planes, size], y [planes].
template <class Space, class T>
void row_means(const Space& instance, const std::string& label, const Matrix<Space, const T>& x,
               const Vector<Space, T>& y);

/// Computes dx = dy / size, the same for every element of a row.
template <class Space, class T>
void row_means_gradient(const Space& instance, const std::string& label,
                        const Vector<Space, const T>& dy, const Matrix<Space, T>& dx);

}  // namespace ridgeline::kernels
