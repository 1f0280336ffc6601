#pragma once

#include <Kokkos_Core.hpp>

#include "core/views.hpp"
#include "kernels/pooling/shape.hpp"

namespace ridgeline::kernels {

// The device's pooling: forward, one thread per output; backward, one thread per input, which adds
// the gradients of the windows that contain it in order, so that there are no atomics.

/// The position of an element in planes [height, width].
struct PoolPosition {
  std::size_t plane;
  int row, column;

  KOKKOS_FUNCTION PoolPosition(std::size_t i, int height, int width)
      : plane(i / width / height),
        row(static_cast<int>(i / width % height)),
        column(static_cast<int>(i % width)) {}
};

/// The windows [begin, end) that contain input position `at`.
struct PoolHolders {
  int begin, end;

  KOKKOS_FUNCTION PoolHolders(int at, int kernel, int stride, int padding, int outputs) {
    const int last = (at + padding) / stride, first = at + padding - kernel + stride;
    begin = first < 0 ? 0 : first / stride;
    end = last + 1 < outputs ? last + 1 : outputs;
  }
};

/// Returns the index in its plane of a window's maximum.
template <class Planes>
KOKKOS_FUNCTION int pool_largest(const PoolShape& s, const Planes& x, std::size_t plane, int p,
                                 int q) {
  const PoolWindow rows(p, s.kernel_h, s.stride_h, s.padding_h, s.height);
  const PoolWindow columns(q, s.kernel_w, s.stride_w, s.padding_w, s.width);
  int best = rows.begin * s.width + columns.begin;
  for (int h = rows.begin; h < rows.end; ++h) {
    for (int w = columns.begin; w < columns.end; ++w) {
      if (pool_prefers(x(plane, h * s.width + w), x(plane, best))) best = h * s.width + w;
    }
  }
  return best;
}

/// Computes y[i], the maximum or the average of its window; the planes of x are rows of a matrix.
template <class Memory, class T, bool Largest>
struct DevicePool {
  PoolShape s;
  Matrix<Memory, const T> x;
  Vector<Memory, T> y;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.out_height, s.out_width);
    if constexpr (Largest) {
      y(i) = x(at.plane, pool_largest(s, x, at.plane, at.row, at.column));
    } else {
      const PoolWindow rows(at.row, s.kernel_h, s.stride_h, s.padding_h, s.height);
      const PoolWindow columns(at.column, s.kernel_w, s.stride_w, s.padding_w, s.width);
      T sum = T(0);
      for (int h = rows.begin; h < rows.end; ++h) {
        for (int w = columns.begin; w < columns.end; ++w) sum += x(at.plane, h * s.width + w);
      }
      y(i) = sum * (T(1) / static_cast<T>(s.kernel_h * s.kernel_w));
    }
  }
};

/// Computes dx[i] from the windows that contain it, or of which it is the maximum; averages do not
/// read x.
template <class Memory, class T, bool Largest>
struct DevicePoolGradient {
  PoolShape s;
  Matrix<Memory, const T> x, dy;
  Vector<Memory, T> dx;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.height, s.width);
    const PoolHolders rows(at.row, s.kernel_h, s.stride_h, s.padding_h, s.out_height);
    const PoolHolders columns(at.column, s.kernel_w, s.stride_w, s.padding_w, s.out_width);
    T sum = T(0);
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) {
        if (Largest && pool_largest(s, x, at.plane, p, q) != at.row * s.width + at.column) continue;
        sum += dy(at.plane, p * s.out_width + q);
      }
    }
    dx(i) = Largest ? sum : sum * (T(1) / static_cast<T>(s.kernel_h * s.kernel_w));
  }
};

}  // namespace ridgeline::kernels
