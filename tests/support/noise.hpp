#pragma once

#include <cmath>
#include <cstdint>

#include "core/random.hpp"

namespace ridgeline::testing {

/// Factors exp(N(0, deviation)) for synthetic curves, the same for the same seed.
class Noise {
 public:
  Noise(std::uint64_t seed, double deviation) : seed_(seed), deviation_(deviation) {}

  double operator()() {
    return std::exp(deviation_ * Philox(seed_, stream::kProbe, count_++).normal());
  }

 private:
  std::uint64_t seed_, count_ = 0;
  double deviation_;
};

/// Returns whether an interval contains the true value.
template <class Estimate>
bool covers(const Estimate& estimate, double truth) {
  return estimate.low <= truth && truth <= estimate.high;
}

}  // namespace ridgeline::testing
