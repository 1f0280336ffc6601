#pragma once

#include "kernels/pooling/shape.hpp"

namespace ridgeline::kernels::host {

// Pooling of planes [begin, end) on a host: maxima if `largest`, else averages. One thread
// processes a plane, so that the gradients of overlapping windows are added in the order of the
// windows. Windows of 2 × 2 that do not overlap are processed in vectors. Pure C++ (GNU vector
// extensions).

template <class T>
void pool(const PoolShape& shape, bool largest, std::size_t begin, std::size_t end, const T* x,
          T* y);
template <class T>
void pool_gradient(const PoolShape& shape, bool largest, std::size_t begin, std::size_t end,
                   const T* x, const T* dy, T* dx);

}  // namespace ridgeline::kernels::host
