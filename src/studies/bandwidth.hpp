#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study bandwidth` sweeps.
struct BandwidthBounds {
  std::vector<SpaceKind> spaces;  ///< hosts are one: Serial is one thread of it
  std::size_t smallest = 0;       ///< working set of all arrays, bytes; 0: 8 KiB
  std::size_t largest = 0;        ///< 0: 1 GiB (384 MiB if quick), or a quarter of what is free
  int per_octave = 0;             ///< 0: 4 (2 if quick)
  std::vector<int> threads;  ///< of a host; empty: powers of two up to all (one and all if quick)
};

/// "GPUs fetch large amounts quickly": GB/s of the five streaming kernels against working set and
/// threads, on small and on huge pages of a host and on a device; the cache levels that the triad's
/// curve shows; the number of threads that saturates memory; the TLB's part.
Study study_bandwidth(const BandwidthBounds& bounds, const Control& control);

/// The smallest of `counts` that reaches 95 % of the best of `rates`, both in the same order; its
/// interval begins behind the count before, which does not reach as much. Not reached() where only
/// the largest of several counts does: the rate still grows there.
model::Estimate saturating_threads(const std::vector<int>& counts,
                                   const std::vector<double>& rates);

/// Returns a sentence on how many of the `counts` of threads saturate memory, given the bytes a
/// second, times 1e-9, that each reaches.
std::string tell_saturating_threads(const std::vector<int>& counts,
                                    const std::vector<double>& rates);

}  // namespace ridgeline::studies
