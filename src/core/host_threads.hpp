#pragma once

#include <string>
#include <vector>

#include "core/thread_binding.hpp"

namespace ridgeline {

/// Placement of the host threads, as recorded in results.
struct HostThreads {
  int count = 1;
  bool bound = false;
  std::string binding;              ///< the setting and its origin
  std::string bind = "none";        ///< none, compact, spread, list or environment
  std::vector<int> cpus;            ///< processors that the threads may use
  std::vector<std::string> placed;  ///< affinity mask of each thread, such as "0-3"
  int numa_domains = 1;             ///< of `cpus`
  int sharing_a_core = 0;           ///< threads pinned to a core with another thread
  /// One line each: an environment limit that reduced the number of threads; more threads than
  /// processors.
  std::vector<std::string> warnings;

  /// Returns the processors of all threads, sorted, without duplicates.
  std::vector<int> placed_processors() const;

  bool share_processors() const { return count > static_cast<int>(cpus.size()) && !cpus.empty(); }
};

/// Maximum number of host threads that Kokkos supports.
inline constexpr int kMostHostThreads = 512;

/// Throws RequestError that names the variable if a variable that OpenMP or Kokkos reads for
/// threads and binding has an invalid value: OMP_NUM_THREADS, OMP_THREAD_LIMIT, OMP_DYNAMIC,
/// OMP_MAX_ACTIVE_LEVELS, OMP_PROC_BIND, OMP_PLACES, KOKKOS_NUM_THREADS and Kokkos's other integer
/// variables.
void check_thread_environment();

/// Throws RequestError if a binding lists processors that this process may not use.
void check_binding(const Binding& binding);

/// Returns the requested number of host threads: `threads` if positive, else OMP_NUM_THREADS, else
/// KOKKOS_NUM_THREADS, else one per processor that the process may use (limited by the control
/// group's quota) or per processor of a binding's list, at most kMostHostThreads. Throws
/// RequestError if a value is not a number or out of range.
int requested_threads(int threads, const Binding& binding = {});

/// Returns the number of threads that OpenMP provides under the limits of the environment if
/// `requested` are requested. If they are fewer, appends a warning that names the limits. Throws
/// RequestError if so many cannot be started.
int allowed_threads(int requested, std::vector<std::string>& warnings);

/// Binds each thread of OpenMP's pool, or the one thread without OpenMP, according to `binding`.
/// Returns the placement, with warnings if threads share processors. Automatic, compact and spread
/// exclude processors to which threads of other processes are pinned; if too few remain, automatic
/// binds no thread.
HostThreads place_threads(int count, const Binding& binding = {});

}  // namespace ridgeline
