#pragma once

#include <cstddef>
#include <vector>

#include "core/seconds.hpp"
#include "machine/host_stream.hpp"

namespace ridgeline::machine {

/// Bandwidth of the threads of one NUMA domain to the memory of another, or of their own.
struct NumaPoint {
  int threads_domain = 0, memory_domain = 0;
  int threads = 0;
  StreamKernel kernel = StreamKernel::read;  ///< read or triad
  std::size_t working_set_bytes = 0;
  Timing seconds;  ///< one pass
  double gbytes_per_second() const {
    return 1e-9 * static_cast<double>(working_set_bytes) / seconds.min;
  }
};

/// Measures every pair of the domains in which the Runtime has bound threads. Returns nothing if
/// that is one domain, or if the threads are not bound. `bytes` is the working set of all arrays.
std::vector<NumaPoint> numa_bandwidth(std::size_t bytes, const MeasureOptions& options);

}  // namespace ridgeline::machine
