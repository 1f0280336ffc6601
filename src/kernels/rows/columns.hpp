#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/views.hpp"

// Names and memory of kernels that sum over rows.

namespace ridgeline::kernels {

/// Names of the kernels of for_rows_and_columns, built once by their owner.
struct RowAndColumnLabels {
  explicit RowAndColumnLabels(const std::string& label)
      : rows(label), columns(label + "/columns"), combine(label + "/combine") {}
  std::string rows, columns, combine;
};

/// Returns the number of blocks of rows over which partial sums are computed. It depends on the
/// number of rows alone, so that the order of a sum does too.
inline std::size_t row_blocks(std::size_t rows) {
  return std::clamp<std::size_t>(rows / 16, 1, 64);
}
/// Returns the scalars of workspace of for_rows_and_columns with Count sums per column.
template <int Count>
std::size_t column_workspace(std::size_t rows, std::size_t size) {
  return Count * row_blocks(rows) * aligned_size<float>(size);
}

}  // namespace ridgeline::kernels
