#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/launch.hpp"

namespace ridgeline::kernels {

/// Calls `row(r)` for every row of a matrix on a host space, in blocks worth a thread's while
/// whatever the width.
template <class Space, class Row>
void for_rows(const Space& instance, const std::string& label, std::size_t rows,
              std::size_t columns, const Cost& cost, const Row& row) {
  const std::size_t per_block = std::max<std::size_t>(1, 2048 / std::max<std::size_t>(1, columns));
  const int blocks = static_cast<int>((rows + per_block - 1) / per_block);
  for_blocks(instance, label, blocks, cost, [&](int block) {
    const std::size_t begin = static_cast<std::size_t>(block) * per_block;
    const std::size_t end = std::min(rows, begin + per_block);
    for (std::size_t r = begin; r < end; ++r) row(r);
  });
}

}  // namespace ridgeline::kernels
