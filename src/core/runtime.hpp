#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"

// Spaces by name, and Kokkos from its start to its end; nothing here needs Kokkos's headers.

namespace ridgeline {

/// The execution spaces that a build may hold, chosen at run time.
enum class SpaceKind { serial, openmp, cuda };

/// "serial", "openmp", "cuda".
std::string to_string(SpaceKind kind);

/// The spaces that this build was configured with, in the order of the enumeration.
std::vector<SpaceKind> built_spaces();

/// Number of CUDA devices that can be used, 0 in a build without CUDA; starts nothing. Why there is
/// none is put into `reason` if given.
int cuda_device_count(std::string* reason = nullptr);

/// The space that `--space NAME` asks for; `auto` is a device if build and machine have one, else
/// OpenMP, else Serial. Throws RequestError for an unknown name, a space that is not in this build,
/// and a device that is not there.
SpaceKind resolve_space(const std::string& name);

/// How the host's threads were placed, for the record.
struct HostThreads {
  int count = 1;
  bool bound = false;
  std::string binding;    ///< what was set, by whom
  std::vector<int> cpus;  ///< processors that the threads may use
};

/// Host threads that a Runtime asked for `threads` would have: those, or OMP_NUM_THREADS, or every
/// core that the process may use.
int planned_threads(int threads);

/// Starts Kokkos, pins the host's threads where the environment says nothing, and ends Kokkos
/// again. At most one at a time. Throws RequestError where the build's device is missing.
class Runtime {
 public:
  /// `threads` = 0: OMP_NUM_THREADS, or else every core that the process may use.
  explicit Runtime(int threads = 0, const std::vector<std::string>& kokkos_flags = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// How the threads of the running Runtime (or of none: one, unbound) are placed.
  static const HostThreads& host_threads();
};

}  // namespace ridgeline
