#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/error.hpp"

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
void add_info(CLI::App& app, const CommonOptions& common, Action& action);

/// One line on standard error: "warning: …".
void warn(const std::string& message);
/// One line on standard error.
void note(const std::string& message);

/// "1.44 ms", "84 µs"; "12.3 MB", "2.0 GB" (powers of 1000); "3.29 GFLOP".
std::string show_seconds(double seconds);
std::string show_bytes(double bytes);
std::string show_flops(double flops);

}  // namespace ridgeline::miniapp
