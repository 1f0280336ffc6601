#pragma once

#include <cstddef>
#include <vector>

#include "core/runtime.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {

/// Returns whether the space's kernels run on the host's processors.
inline bool is_host(SpaceKind space) { return space != SpaceKind::cuda; }

/// Returns the memory that can be allocated now in the space, in bytes.
std::size_t free_memory_bytes(SpaceKind space);

/// Returns the part of it that measurements use by default: a quarter, and at least 1 MiB.
std::size_t memory_share(SpaceKind space);

/// Returns the caches of one thread of the space, innermost first. On a device the first level
/// is the one in the thread's multiprocessor.
std::vector<Cache> caches_of(SpaceKind space);

/// Returns the bytes that all of the space's threads together can keep in caches: a working set of
/// twice as much or more lies in memory.
std::size_t all_cache_bytes(SpaceKind space);

/// Returns the same for the first `threads` threads of a host; for all of a device.
std::size_t cache_bytes_of_threads(SpaceKind space, int threads);

}  // namespace ridgeline::machine
