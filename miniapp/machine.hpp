#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/runtime.hpp"
#include "machine/machine.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// The options of `ridgeline machine`.
struct MachineRequest {
  std::string output;          ///< machine.json; empty: none is written
  std::string space = "auto";  ///< auto: every space of the build
  bool quick = false;
  std::vector<std::string> datasheet;  ///< KEY=VALUE,…: from a data sheet instead of measuring
  CommonOptions common;
};

/// Measures the machine's ceilings, prints a summary on standard output and, if requested, writes
/// the `ridgeline-machine` file. Throws RequestError before anything is measured if the space does
/// not exist or the output cannot be written.
Status run_machine(const MachineRequest& request);

/// Writes the `ridgeline-machine` file of a data sheet to the output, or on standard output.
/// Measures nothing and does not start Kokkos. Throws RequestError for an invalid sheet or output.
Status run_datasheet(const MachineRequest& request);

/// Measures with progress on standard error and warnings about unbound threads; for every verb that
/// needs ceilings and has no file. A Runtime must be running.
machine::MachineMeasurement measure_machine(const std::vector<SpaceKind>& spaces, bool quick);

}  // namespace ridgeline::miniapp
