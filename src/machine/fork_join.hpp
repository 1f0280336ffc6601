#pragma once

#include <cstdint>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"

namespace ridgeline::machine {

/// Work of one thread: dependent integer arithmetic, which does not lower the clock frequency.
struct ForkJoinWork {
  double seconds = 0;  ///< nominal time on one thread
  long steps = 0;      ///< see fork_join_work()
};

/// One parallel kernel in which the first `threads` threads of a host's space have equal work.
struct ForkJoinPoint {
  ForkJoinWork work;
  int threads = 1;  ///< that have work
  int team = 1;     ///< that take part in the kernel: all of the space
  Timing seconds;   ///< of one kernel; the excess over one thread is the region's cost
};

/// Makes `steps` steps x ← x · factor + addend modulo 2^64, each dependent on the one
/// before.
std::uint64_t fork_join_work(std::uint64_t x, long steps);

/// Finds by timing the number of steps that take one thread `seconds`.
ForkJoinWork work_of(double seconds);

/// Measures each work with `threads` threads of a host's space; `serial` has one, and no region. A
/// device has no points. Throws RunError if a thread's result is wrong.
std::vector<ForkJoinPoint> measure_fork_join(SpaceKind space, int threads,
                                             const std::vector<ForkJoinWork>& works,
                                             const MeasureOptions& options);

}  // namespace ridgeline::machine
