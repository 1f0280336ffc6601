#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study latency` sweeps.
struct LatencyBounds {
  std::vector<SpaceKind> spaces;  ///< hosts are one: a dependent load is one thread's
  std::size_t smallest = 0;       ///< working set, bytes
  std::size_t largest = 0;        ///< 0: 1 GiB (256 MiB if quick), or a quarter of what is free
  int per_octave = 0;             ///< 0: 8 (4 if quick)
};

/// "CPUs fetch small amounts quickly": seconds of a dependent load against working set, on small
/// and on huge pages of a host and on a device; the cache levels that the curve shows
/// (model::find_levels), with size and latency; the part of the latency that is the TLB's.
Study study_latency(const LatencyBounds& bounds, const Control& control);

}  // namespace ridgeline::studies
