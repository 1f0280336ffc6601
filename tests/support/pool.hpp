#pragma once

#include <limits>
#include <vector>

#include "kernels/pooling/shape.hpp"

namespace ridgeline::testing {

/// Windows of a plane of this size, with as many outputs as fit.
inline kernels::PoolShape pool_shape(std::size_t planes, int height, int width, int kernel_h,
                                     int kernel_w, int stride_h, int stride_w, int padding_h,
                                     int padding_w) {
  return {planes,
          height,
          width,
          (height + 2 * padding_h - kernel_h) / stride_h + 1,
          (width + 2 * padding_w - kernel_w) / stride_w + 1,
          kernel_h,
          kernel_w,
          stride_h,
          stride_w,
          padding_h,
          padding_w};
}

/// Shapes for tests: windows that are adjacent, overlapping and with gaps; padded; odd sizes; rows
/// shorter and longer than vectors and than a piece of 64; one value; a window that is the image.
inline std::vector<kernels::PoolShape> pool_shapes() {
  return {pool_shape(3, 28, 28, 2, 2, 2, 2, 0, 0),  pool_shape(5, 7, 9, 2, 2, 2, 2, 0, 0),
          pool_shape(2, 4, 4, 2, 2, 2, 2, 0, 0),    pool_shape(4, 2, 3, 2, 2, 2, 2, 0, 0),
          pool_shape(2, 5, 2, 2, 2, 2, 2, 0, 0),    pool_shape(2, 6, 75, 2, 2, 2, 2, 0, 0),
          pool_shape(3, 9, 8, 3, 3, 2, 2, 1, 1),    pool_shape(2, 7, 11, 3, 3, 1, 1, 1, 1),
          pool_shape(2, 10, 150, 3, 2, 1, 2, 0, 1), pool_shape(3, 8, 7, 2, 3, 3, 4, 0, 0),
          pool_shape(1, 1, 1, 1, 1, 1, 1, 0, 0),    pool_shape(2, 5, 6, 5, 6, 1, 1, 0, 0),
          pool_shape(2, 6, 6, 4, 5, 3, 2, 2, 2),    pool_shape(130, 12, 12, 3, 3, 3, 3, 0, 0)};
}

/// Pooling in float64, value by value.
struct PoolDefinition {
  using Values = std::vector<double>;
  kernels::PoolShape s;
  bool largest;

  /// Calls body(output, input) for every pair of an output and an input in its window, in order.
  template <class Body>
  void over_pairs(const Body& body) const {
    for (std::size_t plane = 0; plane < s.planes; ++plane) {
      for (int p = 0; p < s.out_height; ++p) {
        for (int q = 0; q < s.out_width; ++q) {
          const std::size_t out =
              (plane * std::size_t(s.out_height) + std::size_t(p)) * std::size_t(s.out_width) +
              std::size_t(q);
          for (int i = 0; i < s.kernel_h; ++i) {
            for (int j = 0; j < s.kernel_w; ++j) {
              const int h = p * s.stride_h - s.padding_h + i, w = q * s.stride_w - s.padding_w + j;
              if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
              body(out, (plane * std::size_t(s.height) + std::size_t(h)) * std::size_t(s.width) +
                            std::size_t(w));
            }
          }
        }
      }
    }
  }
  double area() const { return double(s.kernel_h) * s.kernel_w; }

  Values forward(const Values& x) const {
    Values y(s.outputs(), largest ? -std::numeric_limits<double>::infinity() : 0.0);
    over_pairs([&](std::size_t out, std::size_t in) {
      if (!largest) {
        y[out] += x[in] / area();
      } else if (x[in] > y[out] || x[in] != x[in]) {
        y[out] = x[in];
      }
    });
    return y;
  }
  Values backward(const Values& x, const Values& dy) const {
    Values dx(s.inputs(), 0.0);
    if (!largest) {
      over_pairs([&](std::size_t out, std::size_t in) { dx[in] += dy[out] / area(); });
      return dx;
    }
    std::vector<std::size_t> best(s.outputs(), s.inputs());
    over_pairs([&](std::size_t out, std::size_t in) {
      if (best[out] == s.inputs() || x[in] > x[best[out]] || x[in] != x[in]) best[out] = in;
    });
    for (std::size_t out = 0; out < best.size(); ++out) dx[best[out]] += dy[out];
    return dx;
  }
};

}  // namespace ridgeline::testing
