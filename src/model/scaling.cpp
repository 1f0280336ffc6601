#include "model/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/measured_range.hpp"

namespace ridgeline::model {
namespace {

std::size_t different(const std::vector<int>& threads) {
  return std::set<int>(threads.begin(), threads.end()).size();
}

// Relative errors of T(p) = exp(p[0]) · shape(p, threads).
template <class Shape>
std::optional<Fit> fit_shape(const ScalingCurve& curve, std::vector<double> start,
                             const Shape& shape) {
  start.insert(start.begin(), std::log(curve.seconds.front() * curve.threads.front()));
  return robust_least_squares(
      start, curve.seconds.size(), [&](const std::vector<double>& p, std::size_t i) {
        const double model = shape(p, static_cast<double>(curve.threads[i]));
        return std::log(curve.seconds[i]) - p[0] - std::log(std::max(model, 1e-6));
      });
}

}  // namespace

std::optional<Amdahl> fit_amdahl(const ScalingCurve& curve) {
  if (different(curve.threads) < 2) return std::nullopt;
  const auto fit = fit_shape(curve, {0.05}, [](const std::vector<double>& p, double threads) {
    return p[1] + (1 - p[1]) / threads;
  });
  if (!fit) return std::nullopt;
  return Amdahl{stated_share(fit->estimate([](const std::vector<double>& p) { return p[1]; }))};
}

std::optional<Scalability> fit_scalability(const ScalingCurve& curve) {
  if (different(curve.threads) < 3) return std::nullopt;
  const auto fit = fit_shape(curve, {0.05, 0.001}, [](const std::vector<double>& p, double n) {
    return (1 + p[1] * (n - 1) + p[2] * n * (n - 1)) / n;
  });
  if (!fit) return std::nullopt;
  const Estimate contention = fit->estimate([](const std::vector<double>& p) { return p[1]; });
  const Estimate coherence = fit->estimate([](const std::vector<double>& p) { return p[2]; });
  const double most = *std::max_element(curve.threads.begin(), curve.threads.end());
  Scalability law{stated_share(contention),
                  stated_share(coherence, most - 1),
                  {std::nan(""), -kInfinity, kInfinity}};
  if (coherence.low > 0 && contention.value < 1) {
    law.most_useful_threads = stated(fit->positive([](const std::vector<double>& p) {
      return std::sqrt(std::max(1e-12, 1 - p[1]) / p[2]);
    }),
                                     {1, most});
  }
  return law;
}

}  // namespace ridgeline::model
