#pragma once

#include <cstddef>
#include <vector>

#include "model/saturation.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study concurrency` sweeps.
struct ConcurrencyBounds {
  std::vector<SpaceKind> spaces;  ///< hosts are one
  std::size_t working_set = 0;    ///< bytes; 0: four times the last cache, at least 256 MiB
  std::vector<int> loads;         ///< in flight, a thread; empty: 1 to 32 (a device: 1, 2, 4, 8)
  std::vector<int> threads;       ///< of a host; empty: powers of two up to all
};

/// "Parallel threads hide latency": bandwidth of loads from memory at random against threads and
/// independent loads in flight in each; where it saturates (model::fit_saturation), against what
/// Little's law says: the latency of one load times a bandwidth, in lines. The bandwidth is the
/// most that the random reads reach, and that of a streaming read with as many threads, whose
/// prefetchers have loads of their own in flight. Both are measured beside it on the same pages.
Study study_concurrency(const ConcurrencyBounds& bounds, const Control& control);

/// Returns what a fit says of saturation, as a part of a sentence: how many loads in flight
/// saturate random reads and at what rate, that more than the measured `loads` are needed, or that
/// the bandwidth does not grow. `most` is the highest rate measured, bytes per second.
std::string tell_saturation(const model::Saturation& fit, const std::vector<double>& loads,
                            double most);

}  // namespace ridgeline::studies
