#pragma once

#include <limits>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// The sizes (loads in flight, bytes, threads …) between which a curve was measured.
struct MeasuredRange {
  double first = 0;
  double last = std::numeric_limits<double>::infinity();
};

/// The widest 95 % interval, upper end over lower end, of a fitted quantity that is stated.
inline constexpr double kWidestInterval = 10;

/// Returns whether an estimate's interval is positive and no wider than kWidestInterval.
bool is_bounded(const Estimate& estimate);

/// Returns the estimate of a positive quantity if the measurement supports it: it lies in the range
/// and is_bounded(). Otherwise returns one that is not reached(), whose bounds lie in the range:
/// beyond_range(), below_range(), or value NaN with the bounds of the interval.
Estimate stated(const Estimate& estimate, const MeasuredRange& range);

/// Returns the estimate of a quantity on the scale from 0 to 1 (a share) likewise: it is stated if
/// its interval, times `weight`, is no wider than that scale.
Estimate stated_share(const Estimate& estimate, double weight = 1);

/// Returns the estimate of a quantity known only to be more than `low`: value and upper bound are
/// infinite.
Estimate beyond_range(double low);
/// Returns the estimate of a quantity known only to be at most `high`: value and lower bound are
/// minus infinity.
Estimate below_range(double high);

}  // namespace ridgeline::model
