#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/guard.hpp"
#include "core/thread_binding.hpp"
#include "io/table.hpp"
#include "io/units.hpp"
#include "options.hpp"
#include "parallel/ranks.hpp"

namespace ridgeline::miniapp {

/// Runs a verb after the command line is parsed; returns the exit status.
using Action = std::function<Status()>;

/// Options that every verb takes.
struct CommonOptions {
  int threads = 0;   ///< 0: OMP_NUM_THREADS, or otherwise every core
  std::string bind;  ///< binding of host threads; empty: automatic
  std::string format = "table";
  std::string device;  ///< the number of --device, which is in `kokkos_flags` too; empty: Kokkos's
  std::vector<std::string> kokkos_flags;  ///< `--kokkos-…`, removed from the command line
  /// The ranks that an MPI launcher started, or a single rank.
  std::shared_ptr<const parallel::Ranks> ranks = parallel::one_rank();
};

/// Returns the binding of --bind. Throws RequestError.
Binding binding_of(const CommonOptions& common);

/// Each adds one verb to the command and stores the verb's options; `action`
/// is set if the command line has this verb.
void add_train(CLI::App& app, const CommonOptions& common, Action& action);
void add_infer(CLI::App& app, const CommonOptions& common, Action& action);
void add_machine(CLI::App& app, const CommonOptions& common, Action& action);
void add_roofline(CLI::App& app, const CommonOptions& common, Action& action);
void add_study(CLI::App& app, const CommonOptions& common, Action& action);
void add_report(CLI::App& app, const CommonOptions& common, Action& action);
void add_compare(CLI::App& app, const CommonOptions& common, Action& action);
void add_deck(CLI::App& app, const CommonOptions& common, Action& action);
void add_info(CLI::App& app, const CommonOptions& common, Action& action);

// None of the following throws; failed writes are ignored on standard error, and make
// flush_output() return false on standard output.

/// Writes a result and then shows it, even if it could not be written, since measuring took
/// minutes; then rethrows the error of the write. In this order, since the reader of a table may
/// close the pipe.
template <class Write, class Show>
void write_and_show(const Write& write, const Show& show) {
  std::exception_ptr failure;
  try {
    write();
  } catch (const RunError&) {
    failure = std::current_exception();
  }
  show();
  if (failure) std::rethrow_exception(failure);
}

/// Prints one line on standard error: "ridgeline: …".
void report_error(const std::string& message);
/// Prints one line on standard error, wrapped on a terminal: "warning: …".
void warn(const std::string& message);
/// Warns if a measurement was disturbed.
void warn_of(const Disturbance& disturbance);
/// Warns that a measurement was stopped before its end; returns the verb's status.
Status stopped_incomplete();
/// Prints one line on standard error, wrapped on a terminal.
void note(const std::string& message);
/// Returns "written to A, B", with names quoted for a shell.
std::string written_to(const std::vector<std::string>& files);
/// Prints a line on standard error that the next one overwrites; an empty text clears it.
void show_progress(const std::string& text);
/// Returns the columns of the terminal behind a file descriptor; 0 if there is none.
std::size_t terminal_columns(int descriptor);
/// Prints on standard output.
void print(const std::string& text);
/// Prints a text on standard output, wrapped at spaces if it is wider than the output; continuation
/// lines are indented.
void print_wrapped(const std::string& text, std::size_t indent = 0);
/// Prints a table on standard output. As `table` it fits a terminal, or `COLUMNS`, or otherwise 80
/// columns, which is the minimum.
void print(const io::Table& table, io::TableFormat format);
/// Disables the limit of the width of tables and texts on standard output: `--wide`.
void print_wide();
/// Returns whether it is disabled.
bool prints_wide();
/// From here on this process prints errors alone, as all ranks but the first do.
void print_errors_alone();
/// Returns whether it does.
bool prints_errors_alone();
/// Returns whether everything on standard output was written.
bool flush_output();

using io::show_bytes;
using io::show_flops;
using io::show_seconds;
using io::time_cell;

}  // namespace ridgeline::miniapp
