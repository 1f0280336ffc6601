#pragma once

#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// How bandwidth grows with loads in flight n, until it does not:
///
///     B(n) = 1 / ((t / (n c))^q + (1 / B)^q)^(1/q)
///
/// which is n c / t where few are in flight (Little's law: c bytes each, t seconds long), B where
/// many are, and a knee between them as sharp as q says. The two lines meet at n = t B / c.
///
/// What the points do not show is not reached(): B and the knee where the plateau is more than
/// kPlateau times the highest point or the knee more than the most loads / kPlateau, t and the knee
/// where the bandwidth does not grow.
struct Saturation {
  Estimate latency_seconds;       ///< t
  Estimate bytes_per_second;      ///< B
  Estimate loads_in_flight;       ///< t B / c, where the lines meet
  bool grows = true;              ///< false: the two points with the fewest loads reach the plateau
  double sharpness = 0;           ///< q
  double residual_deviation = 0;  ///< relative, of a point

  /// Returns the fitted curve; to be asked between the points.
  double at(double loads, double bytes_a_load) const;

  double fitted_latency = 0, fitted_bandwidth = 0;  ///< the curve's t and B, reached or not
};

/// A plateau is reached if a point comes within this factor of it, and the loads go on by this
/// factor beyond the knee.
inline constexpr double kPlateau = 1.25;

/// Fits B(n) to bandwidths (bytes per second) at `loads` in flight, in any order, with equal
/// relative errors, which a few disturbed points do not change. Returns nothing if there are fewer
/// than four points.
std::optional<Saturation> fit_saturation(const std::vector<double>& loads,
                                         const std::vector<double>& bytes_per_second,
                                         double bytes_a_load);

}  // namespace ridgeline::model
