#pragma once

#include <cstdint>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// The state of a step's checks of its loss and gradients, in a View of integers on the space, so
/// that an update can be skipped without synchronising with the host.
enum Health {
  kBadNow,     ///< 1 if this step's loss or gradients are not finite
  kBadInARow,  ///< consecutive steps without an update
  kSkipped,    ///< number of steps without an update
  kStoppedAt,  ///< the step, counted from 1, from which on nothing is updated; 0: none
  kHealthNumbers
};

template <class Space>
using HealthView = Vector<Space, std::int64_t>;

/// Number of consecutive steps that may be skipped before training stops.
inline constexpr std::int64_t kMostSkippedSteps = 10;

/// Ends step `step`, counted from 0: counts it in `health` if it was bad, and returns whether its
/// update is applied. `stop`: the first bad step ends training.
template <class Health>
KOKKOS_FUNCTION bool close_step(const Health& health, std::int64_t step, bool stop) {
  const bool bad = health(kBadNow) != 0;
  health(kBadNow) = 0;
  if (health(kStoppedAt) != 0) return false;
  if (!bad) {
    health(kBadInARow) = 0;
    return true;
  }
  if (!stop) {
    ++health(kSkipped);
    ++health(kBadInARow);
  }
  if (stop || health(kBadInARow) >= kMostSkippedSteps) health(kStoppedAt) = step + 1;
  return false;
}

}  // namespace ridgeline::kernels
