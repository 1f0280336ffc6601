#pragma once

#include "core/runtime.hpp"
#include "core/seconds.hpp"

namespace ridgeline::machine {

/// Rate of fused multiply-adds in registers.
struct Peak {
  Timing seconds;    ///< one launch
  double flops = 0;  ///< in one launch; a multiply-add is 2
  int threads = 0;   ///< host threads, or device threads in the launch
  double gflops() const { return 1e-9 * flops / seconds.min; }  ///< of the best repetition
};

/// Measures float or double with independent chains of x ← x · factor + addend, enough per thread
/// to cover latency × issue width. The result is compared with a plain loop's; throws RunError
/// if they differ by more than rounding, so that work that the compiler removed is never counted.
/// `threads` of a host compute (0: all of the space).
template <class T>
Peak measure_peak(SpaceKind space, const MeasureOptions& options = {}, int threads = 0);

/// Runs the same chains untimed, so that clock frequencies rise: for 50 ms on a CPU, a second on a
/// GPU.
void warm_up(SpaceKind space);

}  // namespace ridgeline::machine
