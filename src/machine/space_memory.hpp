#pragma once

#include <cstddef>
#include <vector>

#include "core/runtime.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {

/// Whether the space's kernels run on the host's processors.
inline bool is_host(SpaceKind space) { return space != SpaceKind::cuda; }

/// Memory that can be taken now where the space's data lie, in bytes.
std::size_t free_memory_bytes(SpaceKind space);

/// How much of it measurements take unasked: a quarter, and 1 MiB at least.
std::size_t memory_share(SpaceKind space);

/// The caches as one thread of the space sees them, innermost first. What a device's thread meets
/// before the second level is part of its multiprocessor, and is called the first.
std::vector<Cache> caches_of(SpaceKind space);

/// Returns the bytes that all of the space's threads together can keep in caches: a working set of
/// twice as much or more lies in memory.
std::size_t all_cache_bytes(SpaceKind space);

/// Returns the same for the first `threads` threads of a host; of a device for all.
std::size_t cache_bytes_of_threads(SpaceKind space, int threads);

}  // namespace ridgeline::machine
