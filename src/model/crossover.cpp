#include "model/crossover.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "core/seconds.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::model {
namespace {

// Returns the index of the first size from which on all ratios are wins; their number if there is
// none.
std::size_t first_win(const std::vector<double>& ratios) {
  std::size_t first = ratios.size();
  while (first > 0 && ratios[first - 1] > kWin) --first;
  return first;
}

}  // namespace

std::string to_string(Crossover::Kind kind) {
  return kind == Crossover::Kind::from     ? "from"
         : kind == Crossover::Kind::always ? "always"
                                           : "never";
}

Crossover find_crossover(const std::vector<SizePoint>& points, int resamples, std::uint64_t seed) {
  Crossover crossover;
  const std::size_t count = points.size();
  const auto size_at = [&](std::size_t i) { return i < count ? points[i].size : kInfinity; };
  std::vector<double> ratios;
  for (const SizePoint& point : points) ratios.push_back(median_of(point.ratios));
  const std::size_t first = first_win(ratios);
  crossover.kind = first == count ? Crossover::Kind::never
                   : first == 0   ? Crossover::Kind::always
                                  : Crossover::Kind::from;
  std::vector<std::size_t> found;
  std::uint64_t drawn = 0;
  for (int resample = 0; resample < resamples; ++resample) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t turns = points[i].ratios.size();
      std::vector<double> again(turns);
      for (double& ratio : again) {
        ratio = points[i].ratios[Philox(seed, stream::kProbe, drawn++)
                                     .below(static_cast<std::uint32_t>(turns))];
      }
      ratios[i] = median_of(std::move(again));
    }
    found.push_back(first_win(ratios));
  }
  std::sort(found.begin(), found.end());
  const auto quantile = [&](double q) {
    return found.empty()
               ? first
               : found[static_cast<std::size_t>(q * static_cast<double>(found.size() - 1))];
  };
  crossover.size = {size_at(first), size_at(quantile(0.025)), size_at(quantile(0.975))};
  if (count > 0) crossover.size = stated(crossover.size, {points[0].size, points[count - 1].size});
  return crossover;
}

std::optional<Advantage> fit_advantage(const std::vector<double>& bytes,
                                       const std::vector<double>& ratios) {
  if (bytes.size() < 2) return std::nullopt;
  const auto [least, most] = std::minmax_element(bytes.begin(), bytes.end());
  if (*most < kLeastGrowth * *least) return std::nullopt;
  const auto fit =
      robust_least_squares({0, 0}, bytes.size(), [&](const std::vector<double>& p, std::size_t i) {
        return std::log2(ratios[i]) - p[0] - p[1] * (std::log2(bytes[i]) - 20);
      });
  if (!fit) return std::nullopt;
  const Estimate growth =
      fit->positive([](const std::vector<double>& p) { return std::exp2(p[1]); });
  Advantage advantage{
      stated(growth, {}), {std::nan(""), -kInfinity, kInfinity}, fit->residual_deviation()};
  if (growth.low > 1 || growth.high < 1) {
    advantage.break_even = stated(
        fit->positive([](const std::vector<double>& p) { return std::exp2(20 - p[0] / p[1]); }),
        {*least, *most});
  }
  return advantage;
}

}  // namespace ridgeline::model
