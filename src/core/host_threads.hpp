#pragma once

#include <string>
#include <vector>

namespace ridgeline {

/// How the host's threads were placed, for the record.
struct HostThreads {
  int count = 1;
  bool bound = false;
  std::string binding;    ///< what was set, by whom
  std::vector<int> cpus;  ///< processors that the threads may use
  /// One line each: a limit of the environment that left fewer threads than were requested, and
  /// more threads than processors.
  std::vector<std::string> warnings;

  bool share_processors() const { return count > static_cast<int>(cpus.size()) && !cpus.empty(); }
};

/// Most host threads that Kokkos has room for.
inline constexpr int kMostHostThreads = 512;

/// Throws RequestError that names the variable if one that OpenMP or Kokkos reads for threads and
/// binding has a value that neither can use: OMP_NUM_THREADS, OMP_THREAD_LIMIT, OMP_DYNAMIC,
/// OMP_MAX_ACTIVE_LEVELS, OMP_PROC_BIND, OMP_PLACES, KOKKOS_NUM_THREADS and Kokkos's other numbers.
void check_thread_environment();

/// Returns the number of host threads that is requested: `threads` if positive, else what
/// OMP_NUM_THREADS, else what KOKKOS_NUM_THREADS says, else a thread per processor that the process
/// may use, at most kMostHostThreads. Throws RequestError for a number that is none, or out of
/// range.
int requested_threads(int threads);

/// Returns the threads, of `requested`, that OpenMP gives under the limits of the environment. If
/// they are fewer, appends a warning that names the limits. Throws RequestError if so many cannot
/// be started.
int allowed_threads(int requested, std::vector<std::string>& warnings);

/// Pins each thread of OpenMP's pool to a processor of its own unless the environment says how they
/// are placed, and describes the outcome, with a warning if they are more than their processors.
HostThreads place_threads(int count);

}  // namespace ridgeline
