#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/runtime.hpp"
#include "machine/machine.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// What `ridgeline machine` was asked for.
struct MachineRequest {
  std::string output;          ///< machine.json; empty: none is written
  std::string space = "auto";  ///< auto: every space of the build
  bool quick = false;
  std::vector<std::string> datasheet;  ///< KEY=VALUE,…: from a data sheet instead of measuring
  CommonOptions common;
};

/// Measures the machine's ceilings, prints a summary on standard output and, where asked, writes
/// the `ridgeline-machine` file. Throws RequestError before anything is measured where the space is
/// not there or the output cannot be written.
Status run_machine(const MachineRequest& request);

/// Writes the `ridgeline-machine` file of a data sheet to the output, or on standard output.
/// Measures nothing and starts no Kokkos. Throws RequestError for a wrong sheet or output.
Status run_datasheet(const MachineRequest& request);

/// Measures with progress on standard error and warnings about unbound threads; for every verb that
/// needs ceilings and was given no file. A Runtime has to be running.
machine::MachineMeasurement measure_machine(const std::vector<SpaceKind>& spaces, bool quick);

}  // namespace ridgeline::miniapp
