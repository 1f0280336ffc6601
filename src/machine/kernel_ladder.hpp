#pragma once

#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "machine/kernel_cases.hpp"
#include "machine/probe.hpp"

namespace ridgeline::machine {

/// One kernel of the library at one shape, called repeatedly on the same operands.
struct KernelPoint {
  KernelCase kernel_case;
  std::string precision;  ///< "float32" or "float64"
  int threads = 1;        ///< of the space; on a device those it runs at once
  Timing seconds;
};

/// Cases and limits of the kernel ladder.
struct KernelLadderOptions : MeasureOptions {
  KernelLadderOptions() : MeasureOptions(ladder_point()) { patience = 2; }

  std::vector<KernelCase> cases;
  double budget_seconds = 1e9;  ///< cases that do not fit are left out, the last ones first
};

/// Measures each case in both precisions with all threads of the space, as the layers call the
/// kernels. Outputs are NaN before, and finite after; throws RunError if one is not. Appends to
/// `notes` what was left out.
std::vector<KernelPoint> kernel_ladder(SpaceKind space, const KernelLadderOptions& options,
                                       const Progress& progress = {},
                                       std::vector<std::string>* notes = nullptr);

}  // namespace ridgeline::machine
