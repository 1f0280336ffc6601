#pragma once

#include <cstddef>

#include "core/function.hpp"

namespace ridgeline::kernels {

/// The windows of a pooling in every plane [height, width] of `planes` planes. The window of output
/// row p consists of those input rows p · stride - padding … + kernel - 1 that exist; columns
/// likewise.
struct PoolShape {
  std::size_t planes;
  int height, width;
  int out_height, out_width;
  int kernel_h, kernel_w;
  int stride_h, stride_w;
  int padding_h, padding_w;

  std::size_t inputs() const { return planes * std::size_t(height) * std::size_t(width); }
  std::size_t outputs() const { return planes * std::size_t(out_height) * std::size_t(out_width); }
};

/// Returns the part [begin, end) of window `at` that lies in [0, size).
struct PoolWindow {
  int begin, end;

  RIDGELINE_FUNCTION PoolWindow(int at, int kernel, int stride, int padding, int size) {
    const int first = at * stride - padding;
    begin = first < 0 ? 0 : first;
    end = first + kernel < size ? first + kernel : size;
  }
};

/// Returns whether pooling replaces the maximum `best` by `value`: the first of equal values and
/// every NaN take precedence.
template <class T>
RIDGELINE_FUNCTION bool pool_prefers(T value, T best) {
  return value > best || value != value;
}

}  // namespace ridgeline::kernels
