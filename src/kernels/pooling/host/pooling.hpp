#pragma once

#include "kernels/pooling/shape.hpp"

namespace ridgeline::kernels::host {

// Pooling of planes [begin, end) on a host: a plane is one thread's, so that the gradients of
// overlapping windows add up in the order of the windows. Windows of 2 × 2 side by side are done in
// vectors of them. Pure C++ (GNU vector extensions).

template <class T>
void max_pool(const PoolShape& shape, std::size_t begin, std::size_t end, const T* x, T* y);
template <class T>
void max_pool_gradient(const PoolShape& shape, std::size_t begin, std::size_t end, const T* x,
                       const T* dy, T* dx);
template <class T>
void average_pool(const PoolShape& shape, std::size_t begin, std::size_t end, const T* x, T* y);
template <class T>
void average_pool_gradient(const PoolShape& shape, std::size_t begin, std::size_t end, const T* dy,
                           T* dx);
/// Means of planes of `size` values.
template <class T>
void plane_means(std::size_t size, std::size_t begin, std::size_t end, const T* x, T* y);

}  // namespace ridgeline::kernels::host
