#pragma once

#include <cstdint>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// What a step found of its own loss and gradients, in a View of integers on the space, so that an
/// update is left out without asking the host.
enum Health {
  kBadNow,     ///< 1 if this step's loss or gradients are not finite
  kBadInARow,  ///< steps without an update, one after the other
  kSkipped,    ///< all steps without an update
  kStoppedAt,  ///< the step, counted from 1, from which on nothing is updated; 0 for none
  kHealthNumbers
};

template <class Space>
using HealthView = Vector<Space, std::int64_t>;

/// Steps in a row that may be left out before training stops.
inline constexpr std::int64_t kMostSkippedSteps = 10;

/// Closes step `step`, counted from 0: counts it in `health` if it was bad, and returns whether its
/// update is made. `stop` is whether the first bad step ends training.
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
