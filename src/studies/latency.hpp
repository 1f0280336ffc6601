#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study latency`.
struct LatencyBounds {
  std::vector<SpaceKind> spaces;  ///< all hosts count as one: one thread runs dependent loads
  std::size_t smallest = 0;       ///< working set, bytes
  std::size_t largest = 0;        ///< 0: 1 GiB (256 MiB if quick), or a quarter of the free memory
  int per_octave = 0;             ///< 0: 8 (4 if quick)
};

/// "CPUs fetch small amounts quickly". Measures the seconds of a dependent load against working
/// set, on small and on huge pages of a host, and on a device. Determines the cache levels of the
/// curve (model::find_levels), with size and latency, and the TLB's share of the latency.
Study study_latency(const LatencyBounds& bounds, const Control& control);

}  // namespace ridgeline::studies
