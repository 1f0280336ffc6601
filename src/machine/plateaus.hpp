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
  std::size_t capacity_bytes = 0;  ///< of one such cache; 0 for memory
  std::size_t from_bytes = 0;      ///< a chase on one thread over working sets from here …
  std::size_t to_bytes = 0;        ///< … to here shows this level
  int shared_by = 1;               ///< processors that share one such cache
};

/// The levels of a machine with these caches. A cache shows between twice the one before it and
/// half of itself, since other data and pages that collide take their part; memory from four times
/// the last cache on. `largest` is where the ladder ends: memory shows there, whatever the caches.
std::vector<Level> memory_levels(const std::vector<Cache>& caches, std::size_t largest);

/// What a latency ladder says of a level.
struct LatencyPlateau {
  double seconds = 0;          ///< a dependent load; 0 where the ladder has no point there
  std::size_t seen_bytes = 0;  ///< the largest working set that was still as quick, within half
};

/// The median of a level's points (each the fastest repeat), of a cache those within a quarter of
/// the fastest of them: where neighbours take a shared cache away, its upper part is memory's.
LatencyPlateau latency_plateau(const std::vector<LatencyPoint>& points, const std::string& pages,
                               const Level& level);

/// Best GB/s of a kernel where the level shows, 0 where the ladder has no point there. A cache
/// shows for a working set as many times larger as there are such caches among the point's threads.
double level_bandwidth(const std::vector<BandwidthPoint>& points, StreamKernel kernel,
                       const Level& level);

}  // namespace ridgeline::machine
