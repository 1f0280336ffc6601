#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "io/units.hpp"

namespace ridgeline::miniapp {

/// What a verb does once the command line is read: returns the exit status.
using Action = std::function<Status()>;

/// Options that every verb takes.
struct CommonOptions {
  int threads = 0;  ///< 0: OMP_NUM_THREADS, or else every core
  std::string format = "table";
  std::vector<std::string> kokkos_flags;  ///< `--kokkos-…`, taken off the command line
};

/// Each adds one verb to the command; the verb's options are read into what it keeps, and `action`
/// is set when the verb is the one asked for.
void add_train(CLI::App& app, const CommonOptions& common, Action& action);
void add_infer(CLI::App& app, const CommonOptions& common, Action& action);
void add_machine(CLI::App& app, const CommonOptions& common, Action& action);
void add_roofline(CLI::App& app, const CommonOptions& common, Action& action);
void add_study(CLI::App& app, const CommonOptions& common, Action& action);
void add_info(CLI::App& app, const CommonOptions& common, Action& action);

/// One line on standard error: "warning: …".
void warn(const std::string& message);
/// One line on standard error.
void note(const std::string& message);

using io::show_bytes;
using io::show_flops;
using io::show_seconds;

}  // namespace ridgeline::miniapp
