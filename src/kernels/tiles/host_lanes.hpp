#pragma once

// What attention and products do with whole vectors of the host's registers. GNU vector extensions,
// no Kokkos; for the sources in host/ alone.

#include "core/math.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {

using ridgeline::host::fill;
using ridgeline::host::IntegerVector;
using ridgeline::host::lane_numbers;
using ridgeline::host::LaneInteger;

/// The larger of two values, lane by lane; `b` where either is NaN.
template <class T>
Vector<T> larger(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

/// Returns math::exp_nonpositive lane by lane; x may be a rounding error above 0.
template <class T>
Vector<T> exp_nonpositive(Vector<T> x) {
  return math::detail::exp_nonpositive<T, Vector<T>, IntegerVector<T>>(x);
}

namespace detail {

// Joins what two rows that are Step apart have where bit Step of the lane is clear (`upper`), or
// set.
template <class T, int Step>
void step_lanes(IntegerVector<T>& upper, IntegerVector<T>& lower) {
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    upper[lane] = lane & Step ? kLanes<T> + lane - Step : lane;
    lower[lane] = lane & Step ? kLanes<T> + lane : lane + Step;
  }
}

// Exchanges the off-diagonal squares of Step × Step inside squares of 2 Step, for all of them.
template <class T, int Step>
void transpose_step(Vector<T>* rows) {
  IntegerVector<T> upper, lower;
  step_lanes<T, Step>(upper, lower);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) {
    if (i & Step) continue;
    const Vector<T> a = rows[i], b = rows[i + Step];
    rows[i] = shuffled(a, b, upper);
    rows[i + Step] = shuffled(a, b, lower);
  }
}

// Adds up pairs of rows, so that half as many are left, each with the sums of two.
template <class T, int Step>
void add_step(Vector<T>* rows) {
  IntegerVector<T> upper, lower;
  step_lanes<T, Step>(upper, lower);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T> / (2 * Step); ++i) {
    const Vector<T> a = rows[2 * i], b = rows[2 * i + 1];
    rows[i] = shuffled(a, b, upper) + shuffled(a, b, lower);
  }
}

}  // namespace detail

/// The sums of kLanes rows' lanes, row i's in lane i; `rows` is used up.
template <class T>
Vector<T> sums_of_rows(Vector<T>* rows) {
  detail::add_step<T, 1>(rows);
  if constexpr (kLanes < T >> 2) detail::add_step<T, 2>(rows);
  if constexpr (kLanes < T >> 4) detail::add_step<T, 4>(rows);
  if constexpr (kLanes < T >> 8) detail::add_step<T, 8>(rows);
  return rows[0];
}

/// to[j][i] = from[i][j] for a square of kLanes × kLanes.
template <class T>
void transpose_square(const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride) {
  Vector<T> rows[kLanes<T>];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) rows[i] = load<T>(from + i * from_stride);
  detail::transpose_step<T, 1>(rows);
  if constexpr (kLanes < T >> 2) detail::transpose_step<T, 2>(rows);
  if constexpr (kLanes < T >> 4) detail::transpose_step<T, 4>(rows);
  if constexpr (kLanes < T >> 8) detail::transpose_step<T, 8>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) store<T>(to + i * to_stride, rows[i]);
}

}  // namespace ridgeline::kernels::host
