#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ridgeline::testing {

/// Options for running a command.
struct CommandOptions {
  std::map<std::string, std::string> environment;  ///< added to this program's, without OMP_…
  bool pinned = false;  ///< whether OMP_PROC_BIND stays unset, so that threads are pinned
  std::string folder;   ///< current folder; empty: this program's
  std::optional<std::uint64_t> largest_file;  ///< bytes a file may have (RLIMIT_FSIZE)
  bool keeps_disturbance = false;  ///< whether `err` keeps the warning of a disturbed machine
  std::set<int> ignored_signals;   ///< at its start
  double seconds = 100;            ///< killed after this long
};

/// Status and output of a command.
struct CommandResult {
  int status = -1;          ///< exit status, or -1
  int signal = 0;           ///< that ended it, or 0
  long peak_kilobytes = 0;  ///< of memory
  std::string out, err;

  /// Lines of `err` that begin with "ridgeline:".
  std::vector<std::string> errors() const;
};

/// A running command; killed by the destructor. Runs on all processors, even if this program
/// is bound.
class Command {
 public:
  explicit Command(const std::vector<std::string>& arguments, const CommandOptions& options = {});
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Collects output until `condition` holds; returns false if the command ended first or took too
  /// long.
  bool wait_until(const std::function<bool()>& condition);
  void send(int signal) const;
  pid_t process() const { return process_; }
  /// Returns the output that wait_until() has collected so far.
  const std::string& out() const { return result_.out; }
  /// Waits for its end.
  CommandResult wait();

 private:
  void collect(int milliseconds);
  bool has_ended();

  pid_t process_ = -1;
  int out_ = -1, err_ = -1;
  double deadline_;
  bool keeps_disturbance_;
  bool ended_ = false;
  CommandResult result_;
};

/// Runs a command to its end.
CommandResult run_command(const std::vector<std::string>& arguments,
                          const CommandOptions& options = {});

}  // namespace ridgeline::testing
