#pragma once

#include <cstddef>
#include <vector>

#include "model/launch_cost.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study dispatch`.
struct DispatchBounds {
  std::vector<SpaceKind> spaces;
  std::size_t smallest = 0;  ///< of a kernel: bytes that it reads and writes; 0: 256 B
  std::size_t largest = 0;   ///< 0: 64 MiB (on a device 256 MiB)
  int per_octave = 0;        ///< 0: 4 (2 if quick)
};

/// "Breaking up and recombining has a price". Measures empty kernels, reductions, barriers and
/// transfers; fits T(V) = a + V/b to kernels of growing size, where the curve is straight;
/// determines the size at which half the rate is reached; and compares one size, split into more
/// and more kernels, with the fit.
Study study_dispatch(const DispatchBounds& bounds, const Control& control);

/// Returns a sentence on a kernel's cost and rate, or on which of them kernels of up to `bytes` do
/// not determine.
std::string tell_launch_cost(const model::LaunchCost& cost, double bytes);

}  // namespace ridgeline::studies
