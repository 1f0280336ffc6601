#include "core/seconds.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ridgeline {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

Timing summarize(std::vector<double> seconds) {
  Timing timing;
  if (seconds.empty()) return timing;
  const auto [min, max] = std::minmax_element(seconds.begin(), seconds.end());
  timing.min = *min;
  timing.max = *max;
  timing.repeats = static_cast<int>(seconds.size());
  timing.median = median_of(std::move(seconds));
  return timing;
}

}  // namespace ridgeline
