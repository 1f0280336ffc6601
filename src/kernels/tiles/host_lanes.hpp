#pragma once

// Operations on whole vectors of the host's registers, for attention and products. GNU vector
// extensions, no Kokkos; only for the sources in host/.

#include "core/math.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {

using ridgeline::host::fill;
using ridgeline::host::IntegerVector;
using ridgeline::host::lane_numbers;
using ridgeline::host::LaneInteger;

/// Returns the larger of two values, lane by lane; `b` if either is NaN.
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

// Sets the permutations that merge two rows that are Step apart: the lanes whose bit Step is clear
// (`upper`), or set (`lower`).
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

// Adds pairs of rows, which halves their number.
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

/// Returns the sums of the lanes of kLanes rows, row i's in lane i; `rows` is overwritten.
template <class T>
Vector<T> sums_of_rows(Vector<T>* rows) {
  detail::add_step<T, 1>(rows);
  if constexpr (kLanes < T >> 2) detail::add_step<T, 2>(rows);
  if constexpr (kLanes < T >> 4) detail::add_step<T, 4>(rows);
  if constexpr (kLanes < T >> 8) detail::add_step<T, 8>(rows);
  return rows[0];
}

/// Transposes a square of kLanes × kLanes: to[j][i] = from[i][j].
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
