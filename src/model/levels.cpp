#include "model/levels.hpp"

#include <algorithm>
#include <cmath>

#include "core/seconds.hpp"
#include "model/special_functions.hpp"

namespace ridgeline::model {
namespace {

constexpr double kRise = 0.125;      // of log cost per octave: a steeper piece is not a level
constexpr double kDifferent = 0.15;  // of log cost: closer levels are one level
constexpr double kLeastNoise = 0.01;
constexpr double kDisturbed = 0.1;  // of log cost

// Returns the standard deviation of the noise in y. It is estimated from the median distance of a
// point from the line between the points beside it; the few points at the edges of levels do not
// affect the median.
double noise_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> deviations;
  for (std::size_t i = 1; i + 1 < y.size(); ++i) {
    const double w = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]);
    const double error = y[i] - (1 - w) * y[i - 1] - w * y[i + 1];
    deviations.push_back(std::abs(error) / std::sqrt(1 + w * w + (1 - w) * (1 - w)));
  }
  return std::max(kLeastNoise, kDeviationOfMad * median_of(deviations));
}

// A straight line through some points, and the sum of their squared distances from it.
struct Line {
  double height = 0, slope = 0, error = 0;
  double at(double x) const { return height + slope * x; }
};

// Returns the least-squares line through the points [begin, end).
Line line_through(const std::vector<double>& x, const std::vector<double>& y, std::size_t begin,
                  std::size_t end) {
  const double n = static_cast<double>(end - begin);
  double mean_x = 0, mean_y = 0, squares = 0, products = 0;
  for (std::size_t i = begin; i < end; ++i) mean_x += x[i] / n, mean_y += y[i] / n;
  for (std::size_t i = begin; i < end; ++i) {
    squares += (x[i] - mean_x) * (x[i] - mean_x);
    products += (x[i] - mean_x) * (y[i] - mean_y);
  }
  Line line;
  line.slope = squares > 0 ? products / squares : 0;
  line.height = mean_y - line.slope * mean_x;
  for (std::size_t i = begin; i < end; ++i) line.error += std::pow(y[i] - line.at(x[i]), 2);
  return line;
}

// Returns the curve without its noise: y on the lines of the pieces.
std::vector<double> smoothed(const std::vector<double>& x, const std::vector<double>& y) {
  const std::size_t n = x.size();
  const double noise = noise_of(x, y);
  // By Schwarz's criterion a piece costs three parameters (gradient, height, end).
  const double piece = 3 * std::log(static_cast<double>(n)) * noise * noise;
  std::vector<double> best(n + 1, kInfinity);
  std::vector<std::size_t> from(n + 1, 0);
  best[0] = 0;
  for (std::size_t end = 1; end <= n; ++end) {
    for (std::size_t begin = 0; begin < end; ++begin) {
      const double error = best[begin] + line_through(x, y, begin, end).error + piece;
      if (error < best[end]) best[end] = error, from[end] = begin;
    }
  }
  std::vector<double> smooth(n);
  for (std::size_t end = n; end > 0; end = from[end]) {
    const Line line = line_through(x, y, from[end], end);
    for (std::size_t i = from[end]; i < end; ++i) smooth[i] = line.at(x[i]);
  }
  return smooth;
}

// Returns the level of the points [first, last], without the transient after the level change:
// points at the beginning that are a tenth or more above the later ones.
CurveLevel level_of(const std::vector<double>& bytes, const std::vector<double>& y,
                    std::size_t first, std::size_t last) {
  CurveLevel level;
  level.first = first;
  level.last = last;
  const auto from = [&](std::size_t begin) {
    return std::vector<double>(y.begin() + std::ptrdiff_t(begin),
                               y.begin() + std::ptrdiff_t(last) + 1);
  };
  while (first + 2 < last && y[first] > median_of(from(first + 1)) + kDisturbed) ++first;
  level.from_bytes = bytes[first];
  std::vector<double> there = from(first);
  // Points that are as far above the median are disturbed and excluded too.
  const double usual = median_of(there);
  there.erase(std::remove_if(there.begin(), there.end(),
                             [&](double value) { return value > usual + kDisturbed; }),
              there.end());
  const double n = static_cast<double>(there.size());
  double mean = 0, squares = 0;
  for (const double value : there) mean += value / n;
  for (const double value : there) squares += (value - mean) * (value - mean);
  const double half =
      n > 1 ? student_t_95(static_cast<int>(n) - 1) * std::sqrt(squares / (n - 1) / n) : kInfinity;
  level.cost = {std::exp(mean), n > 1 ? std::exp(mean - half) : -kInfinity, std::exp(mean + half)};
  level.capacity_bytes = {bytes[last], bytes[last],
                          last + 1 < bytes.size() ? bytes[last + 1] : kInfinity};
  if (last + 1 == bytes.size()) level.capacity_bytes.value = kInfinity;
  return level;
}

}  // namespace

std::vector<CurveLevel> find_levels(const std::vector<double>& bytes,
                                    const std::vector<double>& cost) {
  const std::size_t n = bytes.size();
  if (n < 4) return {};
  std::vector<double> x(n), y(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = std::log2(bytes[i]), y[i] = std::log(cost[i]);
  // The cost does not decrease with the working set: a higher cost that does not persist to the
  // right is a disturbance (a lower clock frequency, another tenant), and does not end a level.
  std::vector<double> lasting = y;
  double least = y[n - 1];
  for (std::size_t i = n; i-- > 0;) {
    least = std::min(least, y[i]);
    if (y[i] > least + kDisturbed) lasting[i] = least;
  }
  const std::vector<double> smooth = smoothed(x, lasting);

  std::vector<CurveLevel> levels;
  const auto add = [&](std::size_t first, std::size_t last) {
    if (!levels.empty()) {
      const CurveLevel& before = levels.back();
      const CurveLevel level = level_of(bytes, y, first, last);
      if (std::abs(std::log(level.cost.value / before.cost.value)) < kDifferent) {
        levels.back() = level_of(bytes, y, before.first, last);
        return;
      }
    }
    levels.push_back(level_of(bytes, y, first, last));
  };
  std::size_t first = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool ends = i + 1 == n || smooth[i + 1] - smooth[i] > kRise * (x[i + 1] - x[i]);
    if (!ends) continue;
    if (i - first >= 2 && x[i] - x[first] >= 0.5) add(first, i);
    first = i + 1;
  }
  if (levels.empty() || levels.back().last + 1 < n) {
    // The end of a curve that is still rising.
    const double rise = levels.empty() ? kInfinity : y[n - 1] - std::log(levels.back().cost.value);
    if (rise > kDifferent) {
      levels.push_back(level_of(bytes, y, n - 1, n - 1));
      levels.back().settled = false;
    }
  }
  return levels;
}

}  // namespace ridgeline::model
