#include "model/measured_range.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::model {
bool is_bounded(const Estimate& estimate) {
  return estimate.low > 0 && estimate.high <= kWidestInterval * estimate.low;
}

Estimate beyond_range(double low) { return {kInfinity, low, kInfinity}; }

Estimate below_range(double high) { return {-kInfinity, -kInfinity, high}; }

Estimate stated(const Estimate& estimate, const MeasuredRange& range) {
  if (estimate.value > range.last) {
    return beyond_range(std::clamp(estimate.low, range.first, range.last));
  }
  if (estimate.value < range.first) {
    return below_range(std::clamp(estimate.high, range.first, range.last));
  }
  if (is_bounded(estimate)) return estimate;
  return {std::nan(""), estimate.low > range.first ? estimate.low : -kInfinity,
          estimate.high < range.last ? estimate.high : kInfinity};
}

Estimate stated_share(const Estimate& estimate, double weight) {
  if (weight * (estimate.high - estimate.low) <= 1) return estimate;
  return {std::nan(""), estimate.low, estimate.high};
}

}  // namespace ridgeline::model
