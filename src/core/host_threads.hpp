#pragma once

#include <string>
#include <vector>

#include "core/thread_binding.hpp"

namespace ridgeline {

/// How the host's threads were placed, for the record.
struct HostThreads {
  int count = 1;
  bool bound = false;
  std::string binding;              ///< what was set, by whom
  std::string bind = "none";        ///< none, compact, spread, list or environment
  std::vector<int> cpus;            ///< processors that the threads may use
  std::vector<std::string> placed;  ///< where the kernel lets each thread run, such as "0-3"
  int numa_domains = 1;             ///< that `cpus` belong to
  int sharing_a_core = 0;           ///< threads that are pinned to a core with another thread
  /// One line each: a limit of the environment that left fewer threads than were requested, and
  /// more threads than processors.
  std::vector<std::string> warnings;

  /// Returns the processors of all threads, each once, sorted.
  std::vector<int> placed_processors() const;

  bool share_processors() const { return count > static_cast<int>(cpus.size()) && !cpus.empty(); }
};

/// Most host threads that Kokkos has room for.
inline constexpr int kMostHostThreads = 512;

/// Throws RequestError that names the variable if one that OpenMP or Kokkos reads for threads and
/// binding has a value that neither can use: OMP_NUM_THREADS, OMP_THREAD_LIMIT, OMP_DYNAMIC,
/// OMP_MAX_ACTIVE_LEVELS, OMP_PROC_BIND, OMP_PLACES, KOKKOS_NUM_THREADS and Kokkos's other numbers.
void check_thread_environment();

/// Throws RequestError for a binding's list with processors that this process may not use.
void check_binding(const Binding& binding);

/// Returns the number of host threads that is requested: `threads` if positive, else what
/// OMP_NUM_THREADS, else what KOKKOS_NUM_THREADS says, else a thread per processor that the process
/// may use (a control group's quota counts), or per processor of a binding's list, at most
/// kMostHostThreads. Throws RequestError for a number that is none, or out of range.
int requested_threads(int threads, const Binding& binding = {});

/// Returns the threads, of `requested`, that OpenMP gives under the limits of the environment. If
/// they are fewer, appends a warning that names the limits. Throws RequestError if so many cannot
/// be started.
int allowed_threads(int requested, std::vector<std::string>& warnings);

/// Binds each thread of OpenMP's pool, or the one thread without OpenMP, as `binding` says, and
/// describes the outcome, with warnings if threads share processors. Automatic, compact and spread
/// leave out processors to which threads of other processes are pinned; if too few are left,
/// automatic binds nothing.
HostThreads place_threads(int count, const Binding& binding = {});

}  // namespace ridgeline
