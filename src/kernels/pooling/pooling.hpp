#pragma once

#include <string>

#include "core/views.hpp"
#include "kernels/pooling/shape.hpp"

namespace ridgeline::kernels {

// Pooling over the windows of every plane; x, dx [planes, height, width], y, dy [planes,
// out_height, out_width]. A window's maximum is the first of the largest values, or the last NaN;
// padding is never it. An average counts padding as zeros. Gradients of windows that share an input
// add up in a fixed order, without atomics.

template <class Space, class T>
void max_pool(const Space& instance, const std::string& label, const PoolShape& shape,
              const Vector<Space, const T>& x, const Vector<Space, T>& y);

/// dx = the sum of dy of all windows of which x is the maximum, which is found again.
template <class Space, class T>
void max_pool_gradient(const Space& instance, const std::string& label, const PoolShape& shape,
                       const Vector<Space, const T>& x, const Vector<Space, const T>& dy,
                       const Vector<Space, T>& dx);

template <class Space, class T>
void average_pool(const Space& instance, const std::string& label, const PoolShape& shape,
                  const Vector<Space, const T>& x, const Vector<Space, T>& y);

template <class Space, class T>
void average_pool_gradient(const Space& instance, const std::string& label, const PoolShape& shape,
                           const Vector<Space, const T>& dy, const Vector<Space, T>& dx);

/// Means of whole planes: x [planes, size], y [planes].
template <class Space, class T>
void plane_means(const Space& instance, const std::string& label, std::size_t size,
                 const Vector<Space, const T>& x, const Vector<Space, T>& y);

/// dx = dy / size, the same all over a plane.
template <class Space, class T>
void plane_means_gradient(const Space& instance, const std::string& label, std::size_t size,
                          const Vector<Space, const T>& dy, const Vector<Space, T>& dx);

}  // namespace ridgeline::kernels
