#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// Bandwidth as a function of the loads in flight n:
///
///     B(n) = 1 / ((t / (n c))^q + (1 / B)^q)^(1/q)
/// which is n c / t if few are in flight (Little's law: c bytes each, t seconds long), B if
/// many are, with a knee of sharpness q between them. The two lines meet at n = t B / c.
///
/// Quantities that the points do not show are not reached(): B and the knee if the plateau is more
/// than kPlateau times the highest point or the knee more than the most loads / kPlateau; t and the
/// knee if the bandwidth does not grow.
struct Saturation {
  Estimate latency_seconds;       ///< t
  Estimate bytes_per_second;      ///< B
  Estimate loads_in_flight;       ///< t B / c, the intersection of the lines
  bool grows = true;              ///< false: the two points with the fewest loads reach the plateau
  double sharpness = 0;           ///< q
  double residual_deviation = 0;  ///< relative, of a point

  /// Returns the fitted curve; valid between the points.
  double at(double loads, double bytes_per_load) const;

  double fitted_latency = 0, fitted_bandwidth = 0;  ///< the curve's t and B, reached or not
};

/// A plateau is reached if a point comes within this factor of it, and the loads extend by this
/// factor beyond the knee.
inline constexpr double kPlateau = 1.25;

/// Fits B(n) to bandwidths (bytes per second) at `loads` in flight, in any order, with equal
/// relative errors, robust against a few disturbed points. Returns nullopt if there are fewer
/// than four points.
std::optional<Saturation> fit_saturation(const std::vector<double>& loads,
                                         const std::vector<double>& bytes_per_second,
                                         double bytes_per_load);

}  // namespace ridgeline::model
