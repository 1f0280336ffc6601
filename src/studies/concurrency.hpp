#pragma once

#include <cstddef>
#include <vector>

#include "studies/study.hpp"

namespace ridgeline::studies {

/// Bounds of `study concurrency`.
struct ConcurrencyBounds {
  std::vector<SpaceKind> spaces;  ///< all hosts count as one
  std::size_t working_set = 0;    ///< bytes; 0: four times the last cache, at least 256 MiB
  std::vector<int> loads;         ///< in flight per thread; empty: 1 to 32 (a device: 1, 2, 4, 8)
  std::vector<int> threads;       ///< of a host; empty: powers of two up to all
};

/// "Parallel threads hide latency". Measures the bandwidth of random loads from memory against
/// threads and independent loads in flight per thread, fits where it saturates
/// (model::fit_saturation), and compares that with Little's law: the latency of one load times a
/// bandwidth, in lines. It uses two bandwidths, measured on the same pages: the maximum of the
/// random reads, and that of a streaming read with as many threads, for which prefetchers add loads
/// in flight.
Study study_concurrency(const ConcurrencyBounds& bounds, const Control& control);

}  // namespace ridgeline::studies
