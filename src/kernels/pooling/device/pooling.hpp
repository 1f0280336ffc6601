#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "kernels/pooling/shape.hpp"
#include "kernels/tiles/device_team.hpp"

namespace ridgeline::kernels {

// The device's pooling: a thread an output forward; backward a thread an input, which gathers from
// the windows that hold it in their order, so that nothing is added atomically.

/// Where an element of planes [height, width] lies.
struct PoolPosition {
  std::size_t plane;
  int row, column;

  KOKKOS_FUNCTION PoolPosition(std::size_t i, int height, int width)
      : plane(i / width / height),
        row(static_cast<int>(i / width % height)),
        column(static_cast<int>(i % width)) {}
};

/// The windows [begin, end) that hold input position `at`.
struct PoolHolders {
  int begin, end;

  KOKKOS_FUNCTION PoolHolders(int at, int kernel, int stride, int padding, int outputs) {
    const int last = (at + padding) / stride, first = at + padding - kernel + stride;
    begin = first < 0 ? 0 : first / stride;
    end = last + 1 < outputs ? last + 1 : outputs;
  }
};

/// The index in its plane of what a window's maximum is.
template <class T>
KOKKOS_FUNCTION int pool_largest(const PoolShape& s, const T* plane, int p, int q) {
  const PoolWindow rows(p, s.kernel_h, s.stride_h, s.padding_h, s.height);
  const PoolWindow columns(q, s.kernel_w, s.stride_w, s.padding_w, s.width);
  int best = rows.begin * s.width + columns.begin;
  for (int h = rows.begin; h < rows.end; ++h) {
    for (int w = columns.begin; w < columns.end; ++w) {
      if (pool_prefers(plane[h * s.width + w], plane[best])) best = h * s.width + w;
    }
  }
  return best;
}

template <class T>
struct DeviceMaxPool {
  PoolShape s;
  const T* x;
  T* y;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.out_height, s.out_width);
    const T* plane = x + at.plane * s.height * s.width;
    y[i] = plane[pool_largest(s, plane, at.row, at.column)];
  }
};

template <class T>
struct DeviceMaxPoolGradient {
  PoolShape s;
  const T* x;
  const T* dy;
  T* dx;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.height, s.width);
    const PoolHolders rows(at.row, s.kernel_h, s.stride_h, s.padding_h, s.out_height);
    const PoolHolders columns(at.column, s.kernel_w, s.stride_w, s.padding_w, s.out_width);
    const T* plane = x + at.plane * s.height * s.width;
    const T* gradients = dy + at.plane * s.out_height * s.out_width;
    T sum = T(0);
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) {
        if (pool_largest(s, plane, p, q) == at.row * s.width + at.column) {
          sum += gradients[p * s.out_width + q];
        }
      }
    }
    dx[i] = sum;
  }
};

template <class T>
struct DeviceAveragePool {
  PoolShape s;
  const T* x;
  T* y;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.out_height, s.out_width);
    const PoolWindow rows(at.row, s.kernel_h, s.stride_h, s.padding_h, s.height);
    const PoolWindow columns(at.column, s.kernel_w, s.stride_w, s.padding_w, s.width);
    const T* plane = x + at.plane * s.height * s.width;
    T sum = T(0);
    for (int h = rows.begin; h < rows.end; ++h) {
      for (int w = columns.begin; w < columns.end; ++w) sum += plane[h * s.width + w];
    }
    y[i] = sum * (T(1) / static_cast<T>(s.kernel_h * s.kernel_w));
  }
};

template <class T>
struct DeviceAveragePoolGradient {
  PoolShape s;
  const T* dy;
  T* dx;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const PoolPosition at(i, s.height, s.width);
    const PoolHolders rows(at.row, s.kernel_h, s.stride_h, s.padding_h, s.out_height);
    const PoolHolders columns(at.column, s.kernel_w, s.stride_w, s.padding_w, s.out_width);
    const T* gradients = dy + at.plane * s.out_height * s.out_width;
    T sum = T(0);
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) sum += gradients[p * s.out_width + q];
    }
    dx[i] = sum * (T(1) / static_cast<T>(s.kernel_h * s.kernel_w));
  }
};

/// Means of planes of `size` values: one team per plane.
template <class Space, class T, int Threads>
struct DevicePlaneMeans {
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Threads, 1>>;
  using Member = typename Policy::member_type;

  std::size_t size;
  const T* x;
  T* y;

  void launch(const Space& instance, const std::string& label, std::size_t planes) const {
    const int scratch = team_scratch_bytes<T>(Threads);
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Policy(instance, static_cast<int>(planes), Threads)
                             .set_scratch_size(0, Kokkos::PerTeam(scratch)),
                         *this);
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    T* scratch = team_scratch<T>(team, Threads);
    const T* plane = x + static_cast<std::size_t>(team.league_rank()) * size;
    T sum = T(0);
    for (std::size_t i = team.team_rank(); i < size; i += Threads) sum += plane[i];
    sum = team_sum<1, Threads>(team, scratch, sum);
    if (team.team_rank() == 0) y[team.league_rank()] = sum / static_cast<T>(size);
  }
};

/// dx = dy / size, all over a plane.
template <class T>
struct DevicePlaneMeansGradient {
  std::size_t size;
  const T* dy;
  T* dx;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    dx[i] = dy[i / size] / static_cast<T>(size);
  }
};

}  // namespace ridgeline::kernels
