#include "machine/plateaus.hpp"

#include <algorithm>
#include <limits>

#include "core/seconds.hpp"

namespace ridgeline::machine {

std::vector<Level> memory_levels(const std::vector<Cache>& caches, std::size_t largest) {
  std::vector<Level> levels;
  std::size_t before = 0;
  for (const Cache& cache : caches) {
    Level level;
    level.name = "L" + std::to_string(cache.level);
    level.capacity_bytes = cache.bytes;
    level.from_bytes = 2 * before;
    // Only the chase's data are in the first cache.
    level.to_bytes = before == 0 ? cache.bytes / 4 * 3 : cache.bytes / 2;
    level.shared_by = cache.shared_by;
    levels.push_back(level);
    before = cache.bytes;
  }
  Level memory;
  memory.name = "DRAM";
  memory.from_bytes = std::min(4 * before, std::max(before, largest / 2));
  memory.to_bytes = std::numeric_limits<std::size_t>::max();
  levels.push_back(memory);
  return levels;
}

LatencyPlateau latency_plateau(const std::vector<LatencyPoint>& points, const std::string& pages,
                               const Level& level) {
  const auto of_pages = [&](const LatencyPoint& point) { return point.pages == pages; };
  std::vector<double> there;
  for (const LatencyPoint& point : points) {
    if (!of_pages(point) || point.working_set_bytes < level.from_bytes ||
        point.working_set_bytes > level.to_bytes) {
      continue;
    }
    there.push_back(point.seconds.min);
  }
  LatencyPlateau plateau;
  if (there.empty()) return plateau;
  if (level.capacity_bytes > 0) {
    const double fastest = *std::min_element(there.begin(), there.end());
    there.erase(std::remove_if(there.begin(), there.end(),
                               [&](double seconds) { return seconds > 1.25 * fastest; }),
                there.end());
  }
  plateau.seconds = median_of(there);
  for (const LatencyPoint& point : points) {
    if (!of_pages(point) || point.working_set_bytes < level.from_bytes) continue;
    if (point.seconds.min > 1.5 * plateau.seconds) break;
    plateau.seen_bytes = point.working_set_bytes;
  }
  return plateau;
}

double level_bandwidth(const std::vector<BandwidthPoint>& points, StreamKernel kernel,
                       const Level& level) {
  double best = 0;
  for (const BandwidthPoint& point : points) {
    if (point.kernel != kernel) continue;
    const std::size_t shared_by = static_cast<std::size_t>(std::max(1, level.shared_by));
    const std::size_t threads = static_cast<std::size_t>(std::max(1, point.threads));
    const std::size_t caches =
        level.capacity_bytes == 0 ? 1 : (threads + shared_by - 1) / shared_by;
    if (point.working_set_bytes < caches * level.from_bytes ||
        point.working_set_bytes > caches * level.to_bytes) {
      continue;
    }
    best = std::max(best, point.gbytes_per_second());
  }
  return best;
}

}  // namespace ridgeline::machine
