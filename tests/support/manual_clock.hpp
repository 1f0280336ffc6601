#pragma once

#include "core/seconds.hpp"

namespace ridgeline::testing {

/// While it lives, host_seconds() is a clock that the test moves, so that times are known exactly.
/// There is one at a time.
class ManualClock {
 public:
  /// `per_reading` is how far the clock advances each time that it is read.
  explicit ManualClock(double per_reading = 0) {
    now() = 0;
    step() = per_reading;
    detail::clock = [] { return now() += step(); };
  }
  ~ManualClock() { detail::clock = detail::steady_seconds; }
  ManualClock(const ManualClock&) = delete;
  ManualClock& operator=(const ManualClock&) = delete;

  static void advance(double seconds) { now() += seconds; }

 private:
  static double& now() {
    static double seconds = 0;
    return seconds;
  }
  static double& step() {
    static double seconds = 0;
    return seconds;
  }
};

}  // namespace ridgeline::testing
