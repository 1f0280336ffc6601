#pragma once

#include <Kokkos_Core.hpp>

#include <string>
#include <type_traits>
#include <vector>

#include "core/error.hpp"

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
  std::vector<int> cpus;  ///< processors that the process may use
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

/// Whether kernels of this space run on the host's processors.
template <class Space>
inline constexpr bool kIsHost =
    Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename Space::memory_space>::accessible&&
        Kokkos::SpaceAccessibility<Space, Kokkos::HostSpace>::accessible;

/// Calls `body(instance)` with the default instance of the execution space named.
template <class Body>
decltype(auto) with_space(SpaceKind kind, Body&& body) {
  switch (kind) {
    case SpaceKind::serial:
      return body(Kokkos::Serial());
    case SpaceKind::openmp:
#if defined(KOKKOS_ENABLE_OPENMP)
      return body(Kokkos::OpenMP());
#else
      break;
#endif
    case SpaceKind::cuda:
#if defined(KOKKOS_ENABLE_CUDA)
      return body(Kokkos::Cuda());
#else
      break;
#endif
  }
  throw RequestError("this build has no space " + to_string(kind));
}

}  // namespace ridgeline

// Instantiates a template for every space and scalar of the build: MACRO(Space, Scalar).
#if defined(KOKKOS_ENABLE_OPENMP)
#define RIDGELINE_FOR_OPENMP(MACRO) MACRO(Kokkos::OpenMP, float) MACRO(Kokkos::OpenMP, double)
#else
#define RIDGELINE_FOR_OPENMP(MACRO)
#endif
#if defined(KOKKOS_ENABLE_CUDA)
#define RIDGELINE_FOR_CUDA(MACRO) MACRO(Kokkos::Cuda, float) MACRO(Kokkos::Cuda, double)
#else
#define RIDGELINE_FOR_CUDA(MACRO)
#endif
#define RIDGELINE_FOR_SPACES(MACRO) \
  MACRO(Kokkos::Serial, float)      \
  MACRO(Kokkos::Serial, double) RIDGELINE_FOR_OPENMP(MACRO) RIDGELINE_FOR_CUDA(MACRO)
