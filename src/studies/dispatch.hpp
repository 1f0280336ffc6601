#pragma once

#include <cstddef>
#include <vector>

#include "model/launch_cost.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study dispatch` sweeps.
struct DispatchBounds {
  std::vector<SpaceKind> spaces;
  std::size_t smallest = 0;  ///< of a kernel: bytes that it reads and writes; 0: 256 B
  std::size_t largest = 0;   ///< 0: 64 MiB (on a device 256 MiB)
  int per_octave = 0;        ///< 0: 4 (2 if quick)
};

/// "Breaking up and recombining has a price": empty kernels, reductions, barriers and transfers;
/// T(V) = a + V/b on kernels of growing size, where the curve is straight; the size at which half
/// the rate is reached; and one size broken up into ever more kernels, against what the fit says of
/// that.
Study study_dispatch(const DispatchBounds& bounds, const Control& control);

/// Returns a sentence on a kernel's cost and rate, or on which of them kernels of `bytes` up to
/// that size do not show.
std::string tell_launch_cost(const model::LaunchCost& cost, double bytes);

}  // namespace ridgeline::studies
