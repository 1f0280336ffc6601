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
struct Saturation {
  Estimate latency_seconds;   ///< t
  Estimate bytes_per_second;  ///< B
  Estimate loads_in_flight;   ///< t B / c, where the lines meet
  double sharpness;           ///< q
  double residual_deviation;  ///< relative, of a point

  double at(double loads, double bytes_a_load) const;
};

/// Fits B(n) to bandwidths (bytes a second) at `loads` in flight, with equal relative errors.
/// Nothing where there are fewer than four points.
std::optional<Saturation> fit_saturation(const std::vector<double>& loads,
                                         const std::vector<double>& bytes_per_second,
                                         double bytes_a_load);

}  // namespace ridgeline::model
