#include "model/launch_cost.hpp"

#include <algorithm>
#include <cmath>

#include "core/seconds.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::model {
std::optional<LaunchCost> fit_launch_cost(const std::vector<double>& bytes,
                                          const std::vector<double>& seconds) {
  const std::size_t n = bytes.size();
  if (n < 3) return std::nullopt;
  // Logarithms of the parameters keep them positive; logarithms of the residuals are relative
  // errors.
  const double rate =
      std::max(bytes[n - 1] - bytes[0], 1.0) / std::max(seconds[n - 1] - seconds[0], 1e-12);
  const auto a = [](const std::vector<double>& p) { return std::exp(p[0]); };
  // Times that do not grow show only that the rate is higher: this bounds it.
  constexpr double kHighest = 37;  // of the logarithm of bytes per second
  const auto b = [=](const std::vector<double>& p) { return std::exp(std::min(p[1], kHighest)); };
  const auto fit = robust_least_squares(
      {std::log(*std::min_element(seconds.begin(), seconds.end())), std::log(rate)}, n,
      [&](const std::vector<double>& p, std::size_t i) {
        return std::log(seconds[i] / (a(p) + bytes[i] / b(p)));
      });
  if (!fit) return std::nullopt;
  Estimate half = fit->positive([&](const std::vector<double>& p) { return a(p) * b(p); });
  const Estimate cost = fit->positive(a), flow = fit->positive(b);
  double fastest = 0;
  for (std::size_t i = 0; i < n; ++i) fastest = std::max(fastest, bytes[i] / seconds[i]);
  // a b, with a b above the fastest rate.
  if (half.value > bytes.back()) half.low = std::max(half.low, cost.value * fastest);
  const bool shows_cost = half.value >= bytes.front() && is_bounded(cost);
  const bool shows_rate = half.value <= bytes.back() && is_bounded(flow);
  return LaunchCost{
      shows_cost ? cost : below_range(*std::min_element(seconds.begin(), seconds.end())),
      shows_rate ? flow : beyond_range(fastest),
      stated(half, {bytes.front(), bytes.back()}),
      fit->residual_deviation(),
      a(fit->parameters()),
      b(fit->parameters())};
}

double measured_half_rate(const std::vector<double>& bytes, const std::vector<double>& seconds) {
  double best = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) best = std::max(best, bytes[i] / seconds[i]);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] / seconds[i] >= best / 2) return bytes[i];
  }
  return 0;
}

std::size_t straight_points(const std::vector<double>& bytes, const std::vector<double>& seconds) {
  for (std::size_t n = bytes.size(); n > 3; --n) {
    const std::vector<double> x(bytes.begin(), bytes.begin() + std::ptrdiff_t(n));
    const std::vector<double> y(seconds.begin(), seconds.begin() + std::ptrdiff_t(n));
    const auto fit = fit_launch_cost(x, y);
    if (!fit) continue;
    std::vector<double> deviations;
    for (std::size_t i = 0; i < n; ++i)
      deviations.push_back(std::abs(std::log(y[i] / fit->at(x[i]))));
    if (std::max({deviations[n - 1], deviations[n - 2], deviations[n - 3]}) < 0.3 &&
        median_of(deviations) < 0.1)
      return n;
  }
  return 0;
}

}  // namespace ridgeline::model
