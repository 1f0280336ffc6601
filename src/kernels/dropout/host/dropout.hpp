#pragma once

#include "kernels/dropout/mask.hpp"

namespace ridgeline::kernels::host {

/// Computes y = x ∘ mask of a step for blocks [begin, end) of kDropoutBlock elements. x and y have
/// `size` elements, of which the first has the number `before`.
template <class T>
void dropout(const DropoutMask& mask, std::int64_t step, std::size_t begin, std::size_t end,
             std::size_t before, std::size_t size, const T* x, T* y);

}  // namespace ridgeline::kernels::host
