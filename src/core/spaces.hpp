#pragma once

#include <Kokkos_Core.hpp>

#include <type_traits>

#include "core/runtime.hpp"

// Expand to their arguments where the build has the space, else to nothing.
#if defined(KOKKOS_ENABLE_OPENMP)
#define RIDGELINE_IF_OPENMP(...) __VA_ARGS__
#else
#define RIDGELINE_IF_OPENMP(...)
#endif
#if defined(KOKKOS_ENABLE_CUDA)
#define RIDGELINE_IF_CUDA(...) __VA_ARGS__
#else
#define RIDGELINE_IF_CUDA(...)
#endif

namespace ridgeline {

/// Whether kernels of this space run on the host's processors.
template <class Space>
inline constexpr bool kIsHost =
    Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename Space::memory_space>::accessible&&
        Kokkos::SpaceAccessibility<Space, Kokkos::HostSpace>::accessible;

/// Calls `body(instance)` with the default instance of an execution space.
template <class Body>
decltype(auto) with_space(SpaceKind kind, Body&& body) {
  switch (kind) {
    case SpaceKind::serial:
      return body(Kokkos::Serial());
    case SpaceKind::openmp:
      RIDGELINE_IF_OPENMP(return body(Kokkos::OpenMP());)
      break;
    case SpaceKind::cuda:
      RIDGELINE_IF_CUDA(return body(Kokkos::Cuda());)
      break;
  }
  throw RequestError("this build has no space " + to_string(kind));
}

}  // namespace ridgeline

// Lists the spaces of the build: MACRO(Space), or MACRO(Space, Scalar) for every scalar too.
#define RIDGELINE_FOR_EACH_SPACE(MACRO) \
  MACRO(Kokkos::Serial)                 \
  RIDGELINE_IF_OPENMP(MACRO(Kokkos::OpenMP)) RIDGELINE_IF_CUDA(MACRO(Kokkos::Cuda))
#define RIDGELINE_FOR_SPACES(MACRO)                                               \
  MACRO(Kokkos::Serial, float)                                                    \
  MACRO(Kokkos::Serial, double)                                                   \
  RIDGELINE_IF_OPENMP(MACRO(Kokkos::OpenMP, float) MACRO(Kokkos::OpenMP, double)) \
  RIDGELINE_IF_CUDA(MACRO(Kokkos::Cuda, float) MACRO(Kokkos::Cuda, double))
