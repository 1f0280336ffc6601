#pragma once

#include <optional>

#include "core/runtime.hpp"
#include "core/seconds.hpp"

namespace ridgeline::machine {

/// What launching costs, in seconds, with kernels that do nothing.
struct DispatchCosts {
  Timing empty_kernel;         ///< launched back to back: what each adds to a row of them
  Timing empty_kernel_fenced;  ///< each followed by a fence on its instance: launch to end
  Timing reduction;            ///< of a number a thread to a scalar on the host, which waits for it
  std::optional<Timing> single_thread_kernel;  ///< a host kernel too small for a parallel region
  std::optional<Timing> team_barrier;          ///< one barrier of a team of `team_size`
  int team_size = 1;
};

/// Measures with `options` (its clock is the host's: a launch is what the host waits for).
DispatchCosts measure_dispatch(SpaceKind space, MeasureOptions options = {});

}  // namespace ridgeline::machine
