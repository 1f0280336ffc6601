#include "machine/space_memory.hpp"

#include <Kokkos_Macros.hpp>

#include <algorithm>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cuda_runtime.h>
#endif

#include "core/memory.hpp"
#include "core/topology.hpp"

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
  return cache_bytes_of_threads(space, Runtime::host_threads().count);
}

std::size_t cache_bytes_of_threads(SpaceKind space, int threads) {
  if (is_host(space)) {
    const HostThreads& host = Runtime::host_threads();
    std::vector<int> processors = host.cpus;
    // Threads that are not bound may run on any of them.
    if (host.bound && threads < static_cast<int>(host.placed.size())) {
      processors.clear();
      for (int thread = 0; thread < threads; ++thread) {
        const auto place = parse_processor_list(host.placed[static_cast<std::size_t>(thread)]);
        processors.insert(processors.end(), place.begin(), place.end());
      }
    }
    const std::size_t bytes = last_caches_bytes(processors);
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
