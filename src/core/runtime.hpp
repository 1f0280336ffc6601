#pragma once

#include <string>
#include <vector>

#include "core/cuda/device.hpp"
#include "core/error.hpp"
#include "core/host_threads.hpp"

// Spaces by name, and the lifetime of Kokkos. Does not include Kokkos's headers.

namespace ridgeline {

/// The execution spaces that a build may contain, selected at run time.
enum class SpaceKind { serial, openmp, cuda };

/// Returns "serial", "openmp" or "cuda".
std::string to_string(SpaceKind kind);

/// Returns the spaces that this build was configured with, in the order of the enumeration.
std::vector<SpaceKind> built_spaces();

/// Returns the space of `--space NAME`; `auto` is a device if build and machine have one, else
/// OpenMP, else Serial. Throws RequestError for an unknown name, a space that is not in this build,
/// and a missing device.
SpaceKind resolve_space(const std::string& name);

/// Throws RequestError for an unknown `--kokkos-…` flag, which Kokkos would ignore.
void check_kokkos_flags(const std::vector<std::string>& flags);

/// Returns the number of host threads of a Runtime with these arguments if the environment sets no
/// limit. Throws as Runtime does.
int planned_threads(int threads, const std::vector<std::string>& kokkos_flags = {},
                    const Binding& binding = {});

/// Initialises Kokkos, pins the host threads unless the environment sets a binding, and finalises
/// Kokkos. At most one may exist. Throws RequestError if the build's device is missing, for an
/// invalid number of threads, and for an environment variable or flag that Kokkos rejects.
class Runtime {
 public:
  /// If `threads` is 0, uses `--kokkos-num-threads`, else OMP_NUM_THREADS, else KOKKOS_NUM_THREADS,
  /// else every processor that the process may use. `binding` overrides OMP_PROC_BIND and
  /// OMP_PLACES unless it is automatic.
  explicit Runtime(int threads = 0, const std::vector<std::string>& kokkos_flags = {},
                   const Binding& binding = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Returns the thread placement of the current Runtime; one unbound thread if there is none.
  static const HostThreads& host_threads();
};

}  // namespace ridgeline
