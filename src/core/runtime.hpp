#pragma once

#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/host_threads.hpp"

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

/// Makes CUDA device `device`, which must be below cuda_device_count(), the one that is described
/// while no Runtime is there. A Runtime has its own flag, `--kokkos-device-id`.
void describe_cuda_device(int device);

/// The space that `--space NAME` asks for; `auto` is a device if build and machine have one, else
/// OpenMP, else Serial. Throws RequestError for an unknown name, a space that is not in this build,
/// and a device that is not there.
SpaceKind resolve_space(const std::string& name);

/// Throws RequestError for a `--kokkos-…` flag that Kokkos does not know: it ignores them.
void check_kokkos_flags(const std::vector<std::string>& flags);

/// Returns the host threads that a Runtime requested with `threads` and `kokkos_flags` would have
/// if the environment sets no limit; errors as Runtime.
int planned_threads(int threads, const std::vector<std::string>& kokkos_flags = {},
                    const Binding& binding = {});

/// Starts Kokkos, pins the host's threads where the environment says nothing, and ends Kokkos
/// again. At most one at a time. Throws RequestError if the build's device is missing, for a number
/// of threads that cannot be, and for a variable of the environment or a flag that Kokkos refuses.
class Runtime {
 public:
  /// `threads` = 0: what `--kokkos-num-threads` says, else OMP_NUM_THREADS, else
  /// KOKKOS_NUM_THREADS, else every processor that the process may use.
  /// `binding` wins over OMP_PROC_BIND and OMP_PLACES, unless it is automatic.
  explicit Runtime(int threads = 0, const std::vector<std::string>& kokkos_flags = {},
                   const Binding& binding = {});
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// How the threads of the running Runtime (or of none: one, unbound) are placed.
  static const HostThreads& host_threads();
};

}  // namespace ridgeline
