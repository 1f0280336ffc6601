#include "machine/space_memory.hpp"

#include <Kokkos_Macros.hpp>

#include <algorithm>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cuda_runtime.h>
#endif

#include "core/memory.hpp"

namespace ridgeline::machine {

std::size_t free_memory_bytes(SpaceKind space) {
#if defined(KOKKOS_ENABLE_CUDA)
  std::size_t free = 0, total = 0;
  if (!is_host(space) && cudaMemGetInfo(&free, &total) == cudaSuccess) return free;
#endif
  (void)space;
  return ridgeline::free_memory_bytes();
}

std::size_t memory_share(SpaceKind space) {
  return std::max(free_memory_bytes(space) / 4, std::size_t{1} << 20);
}

std::size_t all_cache_bytes(SpaceKind space) {
  if (is_host(space)) {
    const std::size_t bytes = last_caches_bytes(Runtime::host_threads().cpus);
    return bytes > 0 ? bytes : kUnknownCacheBytes;
  }
  const std::vector<Cache> caches = caches_of(space);
  return caches.empty() ? 0 : caches.back().bytes;
}

std::vector<Cache> caches_of(SpaceKind space) {
  if (is_host(space)) return host_caches();
  std::vector<Cache> caches;
#if defined(KOKKOS_ENABLE_CUDA)
  int device = 0, bytes = 0;
  cudaGetDevice(&device);
  if (cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device) == cudaSuccess && bytes > 0) {
    int first = 0;
    cudaDeviceGetAttribute(&first, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device);
    if (first > 0) caches.push_back({1, static_cast<std::size_t>(first), 1});
    caches.push_back({2, static_cast<std::size_t>(bytes), 1 << 30});
  }
#endif
  return caches;
}

}  // namespace ridgeline::machine
