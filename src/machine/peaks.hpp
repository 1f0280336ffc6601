#pragma once

#include <string>
#include <vector>

#include "machine/peak.hpp"

namespace ridgeline::machine {

/// The arithmetic rate of one kernel in one precision with one number of threads.
struct KernelPeak {
  std::string precision;  ///< "float32", "float64", "bfloat16" or "int8"
  std::string kernel;     ///< "fma", or the name of a DotKernel
  Peak peak;              ///< its `flops` are operations; a multiply-add is 2
};

/// Returns "GFLOP/s", or "GOP/s" for integers.
const char* unit_of(const KernelPeak& peak);

/// Measures the dot products in bfloat16 and int8 that the processor supports, with the first
/// `threads` threads of a host's space; a device has none. Results are compared with a plain
/// computation; throws RunError for a wrong one.
std::vector<KernelPeak> measure_dot_peaks(SpaceKind space, int threads,
                                          const MeasureOptions& options);

}  // namespace ridgeline::machine
