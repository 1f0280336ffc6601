#pragma once

#include <cstdint>
#include <string>

#include "core/views.hpp"
#include "kernels/dropout/mask.hpp"

namespace ridgeline::kernels {

/// Computes y = x ∘ mask / (1 - rate), with a mask that drops each element with probability rate
/// and depends only on seed, stream, step and the element's index, so it is the same on every
/// space. `step` [1] is in the memory of the space. NaN propagates. The backward pass is the same
/// with dy for x. y may be x. `before` is the number of the layer's elements before x, which
/// earlier ranks have.
template <class Space, class T>
void dropout(const Space& instance, const std::string& label, const DropoutMask& mask,
             const Vector<Space, const std::int64_t>& step, const Vector<Space, const T>& x,
             const Vector<Space, T>& y, std::size_t before = 0);

}  // namespace ridgeline::kernels
