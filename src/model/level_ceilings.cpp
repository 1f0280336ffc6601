#include "model/level_ceilings.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/ceilings.hpp"

namespace ridgeline::model {
namespace {

using io::Json;

// Bytes, more than any cache holds.
constexpr double kBeyondCaches = 1e15;

// Returns the number of caches of this level that the threads have.
double copies_of(const Json& machine_file, const std::string& level, int threads) {
  const Json& machine = machine_file.at("machine");
  const auto caches = machine.find("caches");
  if (caches == machine.end() || !caches->is_array()) return 1;
  for (const Json& cache : *caches) {
    if ("L" + std::to_string(cache.at("level").get<int>()) != level) continue;
    const int shared = std::max(1, cache.value("shared_by_processors", 1));
    return (threads + shared - 1) / shared;
  }
  return 1;
}

// Returns the best bandwidth between two working sets, in GB/s.
double best_bandwidth(const Ceilings& ceilings, double from, double to) {
  constexpr int kSteps = 16;
  double best = 0;
  from = std::min(from, to);
  for (int i = 0; i <= kSteps; ++i) {
    const double bytes = from * std::pow(to / from, double(i) / kSteps);
    best = std::max(best, 1e-9 * ceilings.bandwidth(bytes));
  }
  return best;
}

std::vector<LevelCeiling> levels_of(const Json& machine_file, const Json& space, bool is_host,
                                    const Ceilings& ceilings) {
  std::vector<LevelCeiling> levels;
  double before = 4096;  // all together
  std::string memory = "memory";
  const auto stated = space.find("levels");
  if (stated != space.end() && stated->is_array()) {
    for (const Json& level : *stated) {
      const std::string name = level.at("level").get<std::string>();
      if (!level.at("capacity_bytes").is_number()) {
        memory = name;
        continue;
      }
      const double copies = is_host ? copies_of(machine_file, name, ceilings.threads()) : 1;
      const double all = copies * level.at("capacity_bytes").get<double>();
      levels.push_back({name, best_bandwidth(ceilings, 2 * before, all / 2)});
      before = all;
    }
  }
  levels.push_back({memory, 1e-9 * ceilings.bandwidth(kBeyondCaches)});
  double best = 0;
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    if (level->gbytes_per_second < best) level->gbytes_per_second = 0;
    best = std::max(best, level->gbytes_per_second);
  }
  levels.erase(
      std::remove_if(levels.begin(), levels.end(),
                     [](const LevelCeiling& level) { return !(level.gbytes_per_second > 0); }),
      levels.end());
  return levels;
}

}  // namespace

LevelCeilings level_ceilings(const Json& machine_file, const std::string& name,
                             const std::string& space, int threads) {
  LevelCeilings result;
  const Json& spaces = machine_file.at("spaces");
  const auto found = spaces.find(space);
  if (found == spaces.end()) return result;
  const auto peaks = found->find("peak_gflops");
  if (peaks == found->end() || !peaks->is_object()) return result;
  for (const auto& [precision, rate] : peaks->items()) {
    if (!rate.is_number()) continue;
    const Ceilings ceilings(machine_file, name, space, precision, threads);
    if (ceilings.peak_flops() > 0)
      result.peaks.emplace_back(precision, 1e-9 * ceilings.peak_flops());
    if (result.levels.empty()) {
      const bool is_host = space == "serial" || space == "openmp";
      result.levels = levels_of(machine_file, *found, is_host, ceilings);
    }
  }
  return result;
}

}  // namespace ridgeline::model
