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
  std::vector<LevelCeiling> levels;                   ///< caches from the first on, then memory
  std::vector<std::pair<std::string, double>> peaks;  ///< GFLOP/s by precision
};

/// Returns the ceilings of a space of a `ridgeline-machine` file, called `name` in errors, with
/// this number of threads (0: as many as the file has), as Ceilings defines them. A cache is
/// visible in working sets from twice the caches before it to half of itself, for all of such
/// caches that the threads have. A level that is slower than a larger one is left out: a launch
/// hides the caches of a device. A data sheet has main memory alone. Empty if the file lacks the
/// space. Throws RequestError as Ceilings, and io::Json::exception for a damaged file.
LevelCeilings level_ceilings(const io::Json& machine_file, const std::string& name,
                             const std::string& space, int threads);

}  // namespace ridgeline::model
