#include "core/seconds.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace ridgeline {

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

std::size_t median_interval_rank(std::size_t n) {
  const double count = static_cast<double>(n);
  if (n > 200) {
    // Normal approximation; 2^-n would underflow from n = 1075 on.
    return static_cast<std::size_t>((count - 1.96 * std::sqrt(count)) / 2);
  }
  // The median lies below the k-th value if fewer than k values are below it.
  double chance = std::exp2(-count), below = chance;
  std::size_t rank = 0;
  while (2 * below <= 0.05) {
    ++rank;
    chance *= (count + 1 - static_cast<double>(rank)) / static_cast<double>(rank);
    below += chance;
  }
  return rank;
}

std::vector<double> spread_evenly(const std::vector<double>& values, std::size_t most) {
  const std::size_t kept = std::min(values.size(), most);
  std::vector<double> some;
  some.reserve(kept);
  for (std::size_t i = 0; i < kept; ++i) some.push_back(values[i * values.size() / kept]);
  return some;
}

Timing Timing::per(double count) const {
  Timing part = *this;
  for (double* each : {&part.min, &part.median, &part.max, &part.low, &part.high}) *each /= count;
  for (double& sample : part.samples) sample /= count;
  return part;
}

Timing summarize(std::vector<double> seconds) {
  Timing timing;
  if (seconds.empty()) return timing;
  const std::size_t n = seconds.size();
  timing.samples = spread_evenly(seconds, Timing::kMostSamples);
  std::sort(seconds.begin(), seconds.end());
  timing.min = seconds.front();
  timing.max = seconds.back();
  timing.repeats = static_cast<int>(n);
  timing.median = 0.5 * (seconds[(n - 1) / 2] + seconds[n / 2]);
  const std::size_t rank = std::max<std::size_t>(1, median_interval_rank(n));
  timing.low = seconds[rank - 1];
  timing.high = seconds[n - rank];
  return timing;
}

}  // namespace ridgeline
