#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// y = x + weight for each of `batch` samples: x and y [batch, size], weight [size].
template <class Space, class T>
void add_positions(const Space& instance, const std::string& label, std::size_t batch,
                   std::size_t size, const T* x, const T* weight, T* y);

/// sums[i] = Σ dy[sample, i] over the samples, in their order: dy [batch, size], sums [size].
template <class Space, class T>
void sum_over_batch(const Space& instance, const std::string& label, std::size_t batch,
                    std::size_t size, const T* dy, T* sums);

}  // namespace ridgeline::kernels
