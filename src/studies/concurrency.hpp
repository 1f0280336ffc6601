#pragma once

#include <cstddef>
#include <vector>

#include "model/saturation.hpp"
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

/// Returns the result of a saturation fit as a part of a sentence: the number of loads in flight
/// that saturates random reads and the rate, or that more than the measured `loads` are needed, or
/// that the bandwidth does not grow. `most` is the highest rate measured, in bytes per second.
std::string tell_saturation(const model::Saturation& fit, const std::vector<double>& loads,
                            double most);

}  // namespace ridgeline::studies
