#pragma once

#include <optional>

#include "core/runtime.hpp"
#include "core/seconds.hpp"

namespace ridgeline::machine {

/// Costs of a launch, in seconds, measured with empty kernels.
struct DispatchCosts {
  Timing empty_kernel;         ///< launched back to back: the time that each adds
  Timing empty_kernel_fenced;  ///< each followed by a fence on its instance: launch to end
  Timing reduction;            ///< of one value per thread to a scalar on the host, blocking
  std::optional<Timing> single_thread_kernel;  ///< a host kernel too small for a parallel region
  std::optional<Timing> team_barrier;          ///< one barrier of a team of `team_size`
  int team_size = 1;
};

/// Measures with `options` and the host's clock, since a launch takes time on the host.
DispatchCosts measure_dispatch(SpaceKind space, MeasureOptions options = {});

}  // namespace ridgeline::machine
