#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study bandwidth`.
struct BandwidthBounds {
  std::vector<SpaceKind> spaces;  ///< all hosts count as one: Serial is one of its threads
  std::size_t smallest = 0;       ///< working set of all arrays, bytes; 0: 8 KiB
  std::size_t largest = 0;        ///< 0: 1 GiB (384 MiB if quick), or a quarter of the free memory
  int per_octave = 0;             ///< 0: 4 (2 if quick)
  std::vector<int> threads;  ///< of a host; empty: powers of two up to all (one and all if quick)
};

/// "GPUs fetch large amounts quickly". Measures GB/s of the five streaming kernels against working
/// set and threads, on small and on huge pages of a host, and on a device. Determines the cache
/// levels from the triad's curve, the number of threads that saturates memory, and the TLB's share
/// of the time.
Study study_bandwidth(const BandwidthBounds& bounds, const Control& control);

/// Returns the smallest of `counts` whose rate is at least 95 % of the maximum of `rates`; both are
/// in the same order. The interval begins after the previous count, which does not reach that rate.
/// Not reached() if only the largest of several counts does: the rate is still growing there.
model::Estimate saturating_threads(const std::vector<int>& counts,
                                   const std::vector<double>& rates);

/// Returns a sentence on the number of threads, of `counts`, that saturate memory. `rates` holds
/// the GB/s of each.
std::string tell_saturating_threads(const std::vector<int>& counts,
                                    const std::vector<double>& rates);

}  // namespace ridgeline::studies
