#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "machine/bandwidth.hpp"
#include "machine/latency.hpp"
#include "machine/system.hpp"

namespace ridgeline::machine {

/// A level of the memory hierarchy, and the working sets that show it.
struct Level {
  std::string name;                ///< "L1", "L2", "L3", "DRAM"
  std::size_t capacity_bytes = 0;  ///< of one cache of this level; 0 for memory
  std::size_t from_bytes = 0;      ///< in working sets from here …
  std::size_t to_bytes = 0;        ///< … to here one thread's chase measures this level
  int shared_by = 1;               ///< processors that share one cache of this level
};

/// Returns the levels of a machine with these caches. A cache is visible between twice the one
/// before it and half of itself, since other data and conflicting pages occupy a part; memory from
/// four times the last cache on. `largest` is the end of the ladder: memory is visible there,
/// whatever the caches.
std::vector<Level> memory_levels(const std::vector<Cache>& caches, std::size_t largest);

/// The latency of a level in a latency ladder.
struct LatencyPlateau {
  double seconds = 0;          ///< a dependent load; 0 if the ladder has no point there
  std::size_t seen_bytes = 0;  ///< the largest working set of nearly this latency, within a half
};

/// Returns the median of a level's points (each the minimum of its repeats), for a cache of those
/// within a quarter of the fastest: if others use a shared cache, its upper part has the latency of
/// memory.
LatencyPlateau latency_plateau(const std::vector<LatencyPoint>& points, const std::string& pages,
                               const Level& level);

/// Returns the best GB/s of a kernel where the level is visible, 0 if the ladder has no point
/// there. The working set scales with the number of such caches among the point's threads.
double level_bandwidth(const std::vector<BandwidthPoint>& points, StreamKernel kernel,
                       const Level& level);

}  // namespace ridgeline::machine
