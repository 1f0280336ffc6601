#pragma once

#include <algorithm>
#include <string>

#include "core/launch.hpp"

namespace ridgeline::kernels {

/// Runs `body(begin, end)` on a host over blocks of whole rows, so many that a block is worth a
/// thread's while whatever the width.
template <class Space, class Body>
void over_rows(const Space& instance, const std::string& label, std::size_t rows,
               std::size_t columns, const Cost& cost, const Body& body) {
  constexpr std::size_t kBlock = 4096;
  const std::size_t per_block = std::max<std::size_t>(1, kBlock / columns);
  const int blocks = static_cast<int>((rows + per_block - 1) / per_block);
  for_blocks(instance, label, blocks, cost, [&](int block) {
    const std::size_t begin = std::size_t(block) * per_block;
    body(begin, std::min(rows, begin + per_block));
  });
}

}  // namespace ridgeline::kernels
