#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::testing {

/// Factors of which one in five, at a random place, is 1.5 to 4, and the others are 1, like the
/// disturbances of a shared machine.
inline std::vector<double> disturbances(std::size_t count, std::uint64_t seed) {
  std::vector<double> factors(count, 1);
  for (std::size_t begin = 0; begin + 5 <= count; begin += 5) {
    const Philox random(seed, stream::kProbe, begin);
    factors[begin + random.below(5)] = 1.5 + 2.5 * random.uniform(1);
  }
  return factors;
}

/// Expects that an estimate is stated within the measured range and with a bounded interval, or not
/// at all; bounds of one that is not stated lie in the range.
inline void expect_within(const model::Estimate& estimate, double first, double last) {
  if (estimate.reached()) {
    EXPECT_GE(estimate.value, first);
    EXPECT_LE(estimate.value, last);
    EXPECT_LE(estimate.high, model::kWidestInterval * estimate.low);
    return;
  }
  for (const double bound : {estimate.low, estimate.high}) {
    if (!std::isfinite(bound)) continue;
    EXPECT_GE(bound, first);
    EXPECT_LE(bound, last);
  }
}

}  // namespace ridgeline::testing
