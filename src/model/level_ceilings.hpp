#pragma once

#include <string>
#include <utility>
#include <vector>

#include "io/json.hpp"

namespace ridgeline::model {

/// The bandwidth of a level of the memory: the fastest streaming kernel where the level is visible.
struct LevelCeiling {
  std::string level;  ///< "L1", "DRAM"
  double gbytes_per_second = 0;
};

/// Ceilings that a picture of a roofline shows.
struct LevelCeilings {
  std::vector<LevelCeiling> levels;                   ///< in the file's order: caches, memory
  std::vector<std::pair<std::string, double>> peaks;  ///< GFLOP/s by precision
  bool empty() const { return levels.empty() && peaks.empty(); }
};

/// Returns the ceilings of a space of a `ridgeline-machine` file with so many threads (of a device:
/// as the file has them). A cache is visible in working sets from twice the cache before it to half
/// of itself, for each of the caches that the threads have; memory beyond four times the last
/// cache, or in the largest working set. Empty if the file lacks the space. Throws
/// io::Json::exception for a damaged file.
LevelCeilings level_ceilings(const io::Json& machine_file, const std::string& space, int threads);

}  // namespace ridgeline::model
