#pragma once

#include <Kokkos_Core.hpp>

namespace ridgeline {

/// Host memory that a device's copy engine accesses directly; ordinary host memory for a host
/// space.
template <class Space>
struct PinnedMemory {
  using type = Kokkos::HostSpace;
};
#if defined(KOKKOS_ENABLE_CUDA)
template <>
struct PinnedMemory<Kokkos::Cuda> {
  using type = Kokkos::CudaHostPinnedSpace;
};
#endif

}  // namespace ridgeline
