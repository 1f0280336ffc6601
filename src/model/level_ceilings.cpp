#include "model/level_ceilings.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace ridgeline::model {
namespace {

using io::Json;

// Returns the number of caches of this level that the threads have.
double copies_of(const Json& machine_file, const std::string& level, int threads) {
  const Json& machine = machine_file.at("machine");
  const auto caches = machine.find("caches");
  if (caches == machine.end()) return 1;
  for (const Json& cache : *caches) {
    if ("L" + std::to_string(cache.at("level").get<int>()) != level) continue;
    return std::max(1, threads / std::max(1, cache.value("shared_by_processors", 1)));
  }
  return 1;
}

// Returns the fastest point whose working set is in the range; 0 if there is none.
double fastest(const Json& points, int threads, double from, double to) {
  double best = 0;
  for (const Json& point : points) {
    const double size = point.at("working_set_bytes").get<double>();
    if (size < from || size > to || point.value("threads", threads) != threads) continue;
    best = std::max(best, point.at("gbytes_per_second").get<double>());
  }
  return best;
}

double largest_of(const Json& points) {
  double largest = 0;
  for (const Json& point : points) {
    largest = std::max(largest, point.at("working_set_bytes").get<double>());
  }
  return largest;
}

}  // namespace

LevelCeilings level_ceilings(const Json& machine_file, const std::string& space, int threads) {
  LevelCeilings ceilings;
  const Json& spaces = machine_file.at("spaces");
  const auto found = spaces.find(space);
  if (found == spaces.end()) return ceilings;
  const bool is_host = space == "serial" || space == "openmp";
  const auto peaks = found->find("peak_gflops");
  if (peaks != found->end()) {
    for (const auto& [precision, rate] : peaks->items()) {
      if (rate.is_number()) ceilings.peaks.emplace_back(precision, rate.get<double>());
    }
  }
  const auto levels = found->find("levels");
  const auto points = found->find("bandwidth");
  if (levels == found->end() || points == found->end() || !points->is_array()) return ceilings;
  double before = 0;
  for (const Json& level : *levels) {
    const std::string name = level.at("level").get<std::string>();
    const Json& capacity = level.at("capacity_bytes");
    const bool is_memory = !capacity.is_number();
    const double copies = is_host ? copies_of(machine_file, name, threads) : 1;
    const double to =
        is_memory ? std::numeric_limits<double>::infinity() : copies * capacity.get<double>() / 2;
    const double of_device = points->empty() ? 0 : points->front().value("threads", threads);
    const double from = is_memory ? std::min(4 * before, largest_of(*points)) : 2 * before;
    const double rate = fastest(*points, is_host ? threads : static_cast<int>(of_device), from, to);
    if (rate > 0) ceilings.levels.push_back({name, rate});
    if (!is_memory) before = copies * capacity.get<double>();
  }
  // A kernel's launch hides the caches of a device: what is slower than a larger level is no level.
  double best = 0;
  for (auto level = ceilings.levels.rbegin(); level != ceilings.levels.rend(); ++level) {
    if (level->gbytes_per_second < best) level->gbytes_per_second = 0;
    best = std::max(best, level->gbytes_per_second);
  }
  ceilings.levels.erase(
      std::remove_if(ceilings.levels.begin(), ceilings.levels.end(),
                     [](const LevelCeiling& level) { return level.gbytes_per_second == 0; }),
      ceilings.levels.end());
  return ceilings;
}

}  // namespace ridgeline::model
