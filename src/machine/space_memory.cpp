#include "machine/space_memory.hpp"

#include <algorithm>

#include "core/cuda/device.hpp"
#include "core/memory.hpp"
#include "core/topology.hpp"

namespace ridgeline::machine {

std::size_t free_memory_bytes(SpaceKind space) {
  const std::size_t free = is_host(space) ? 0 : free_device_memory();
  return free > 0 ? free : ridgeline::free_memory_bytes();
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
  const DeviceLimits& limits = device_limits();
  if (limits.cache_bytes == 0) return caches;
  if (limits.scratch_bytes > 0) caches.push_back({1, limits.scratch_bytes, 1});
  caches.push_back({2, limits.cache_bytes, 1 << 30});
  return caches;
}

}  // namespace ridgeline::machine
