#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/runtime.hpp"
#include "machine/machine.hpp"

namespace ridgeline::miniapp {

/// What `ridgeline machine` was asked for.
struct MachineRequest {
  std::string output;          ///< machine.json; empty: none is written
  std::string space = "auto";  ///< auto: every space of the build
  bool quick = false;
  int threads = 0;                        ///< 0: OMP_NUM_THREADS, or else every core
  std::string format = "table";           ///< table, csv or json
  std::vector<std::string> kokkos_flags;  ///< `--kokkos-…`
};

/// Measures the machine's ceilings, prints a summary on standard output and, where asked, writes
/// the `ridgeline-machine` file. Throws RequestError before anything is measured where the space is
/// not there or the output cannot be written.
Status run_machine(const MachineRequest& request);

/// Measures with progress on standard error and warnings about unbound threads; for every verb that
/// needs ceilings and was given no file. A Runtime has to be running.
machine::MachineMeasurement measure_machine(const std::vector<SpaceKind>& spaces, bool quick);

}  // namespace ridgeline::miniapp
