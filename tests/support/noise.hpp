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
    const Philox random(seed_, stream::kProbe, count_++);
    // Box and Muller's transform.
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform(0)));
    return std::exp(deviation_ * radius * std::cos(6.283185307179586 * random.uniform(1)));
  }

 private:
  std::uint64_t seed_, count_ = 0;
  double deviation_;
};

/// Whether an interval holds the truth.
template <class Estimate>
bool covers(const Estimate& estimate, double truth) {
  return estimate.low <= truth && truth <= estimate.high;
}

}  // namespace ridgeline::testing
