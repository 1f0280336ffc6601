#pragma once

#include <Kokkos_Core.hpp>

#include <type_traits>

#include "core/runtime.hpp"

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
