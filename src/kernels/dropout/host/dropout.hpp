#pragma once

#include "kernels/dropout/mask.hpp"

namespace ridgeline::kernels::host {

/// y = x ∘ mask for blocks [begin, end) of kDropoutBlock elements of `size`.
template <class T>
void dropout(const DropoutMask& mask, std::size_t begin, std::size_t end, std::size_t size,
             const T* x, T* y);

}  // namespace ridgeline::kernels::host
