#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/guard.hpp"
#include "core/thread_binding.hpp"
#include "io/table.hpp"
#include "io/units.hpp"
#include "options.hpp"

namespace ridgeline::miniapp {

/// What a verb does once the command line is read: returns the exit status.
using Action = std::function<Status()>;

/// Options that every verb takes.
struct CommonOptions {
  int threads = 0;   ///< 0: OMP_NUM_THREADS, or else every core
  std::string bind;  ///< how host threads are bound; empty: automatic
  std::string format = "table";
  std::string device;  ///< the number of --device, which is in `kokkos_flags` too; empty: Kokkos's
  std::vector<std::string> kokkos_flags;  ///< `--kokkos-…`, taken off the command line
};

/// Returns the binding that --bind asks for. Throws RequestError.
Binding binding_of(const CommonOptions& common);

/// Each adds one verb to the command; the verb's options are read into what it keeps, and `action`
/// is set when the verb is the one asked for.
void add_train(CLI::App& app, const CommonOptions& common, Action& action);
void add_infer(CLI::App& app, const CommonOptions& common, Action& action);
void add_machine(CLI::App& app, const CommonOptions& common, Action& action);
void add_roofline(CLI::App& app, const CommonOptions& common, Action& action);
void add_study(CLI::App& app, const CommonOptions& common, Action& action);
void add_compare(CLI::App& app, const CommonOptions& common, Action& action);
void add_info(CLI::App& app, const CommonOptions& common, Action& action);

// Nothing of the following throws; what cannot be written is lost on standard error, and makes
// flush_output() false on standard output.

/// Writes a result and then shows it, even if it could not be written: measuring took minutes. Then
/// throws what writing threw. In this order, since the reader of a table may close the pipe.
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

/// One line on standard error: "ridgeline: …".
void report_error(const std::string& message);
/// One line on standard error, wrapped on a terminal: "warning: …".
void warn(const std::string& message);
/// Warns of what disturbed a measurement; says nothing of a quiet one.
void warn_of(const Disturbance& disturbance);
/// Warns that a measurement was stopped before its end; returns the verb's status.
Status stopped_incomplete();
/// One line on standard error, wrapped on a terminal.
void note(const std::string& message);
/// "written to A, B", with names as a shell takes them.
std::string written_to(const std::vector<std::string>& files);
/// A line on standard error that the next one overwrites; empty clears it.
void show_progress(const std::string& text);
/// Returns the columns of the terminal behind a file descriptor; 0 if there is none.
std::size_t terminal_columns(int descriptor);
/// On standard output.
void print(const std::string& text);
/// A text on standard output that is broken at spaces where it is wider than the output; lines
/// that this begins are indented.
void print_wrapped(const std::string& text, std::size_t indent = 0);
/// A table on standard output. As `table` it fits a terminal, or `COLUMNS`, or else 80 columns, and
/// is never made narrower than these.
void print(const io::Table& table, io::TableFormat format);
/// From now on tables and texts on standard output are as wide as they are: `--wide`.
void print_wide();
/// Whether they are.
bool prints_wide();
/// Whether everything on standard output was written.
bool flush_output();

using io::show_bytes;
using io::show_flops;
using io::show_seconds;
using io::time_cell;

}  // namespace ridgeline::miniapp
