#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// T(V) = a + V / b: the cost of a call independent of its size, and the rate per byte (the form of
/// Hockney's r∞ and n½, "Performance parameters and benchmarking of supercomputers", Parallel
/// Computing 17, 1991). Quantities that the sizes measured do not show are not reached(): b if n½
/// lies beyond the largest, a if it lies below the smallest.
struct LaunchCost {
  Estimate seconds;           ///< a
  Estimate bytes_per_second;  ///< b
  Estimate half_rate_bytes;   ///< n½ = a · b: half of the rate is reached there
  double residual_deviation;  ///< relative, of a point

  /// Returns the fitted T(V); valid between the sizes measured.
  double at(double bytes) const { return fitted_seconds + bytes / fitted_rate; }

  double fitted_seconds, fitted_rate;  ///< the line's a and b, reached or not
};

/// Fits T(V) to seconds of calls of `bytes` (increasing, all positive) with equal relative errors,
/// robust against a few disturbed points. Returns nullopt if there are fewer than three
/// points.
std::optional<LaunchCost> fit_launch_cost(const std::vector<double>& bytes,
                                          const std::vector<double>& seconds);

/// Returns the smallest size of a sweep that reaches half of its best rate; 0 if it is empty.
double measured_half_rate(const std::vector<double>& bytes, const std::vector<double>& seconds);

/// Returns the number of points, from the smallest size on, that T(V) fits: half of them within 10
/// %, and the last three within 30 %. Levels of memory bend the curve, so that it seldom fits all;
/// single disturbed points do not matter. 0 if it fits fewer than four.
std::size_t straight_points(const std::vector<double>& bytes, const std::vector<double>& seconds);

}  // namespace ridgeline::model
