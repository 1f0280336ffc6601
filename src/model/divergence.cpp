#include "model/divergence.hpp"

#include <algorithm>
#include <cmath>

#include "model/measured_range.hpp"

namespace ridgeline::model {

double expected_paths(int paths, int neighbours) {
  return paths * (1 - std::pow(1 - 1.0 / paths, neighbours));
}

std::optional<Estimate> fit_waiting_share(const std::vector<double>& paths,
                                          const std::vector<double>& seconds) {
  if (paths.empty()) return std::nullopt;
  const auto fit = robust_least_squares({std::log(seconds.front()), 0.01}, paths.size(),
                                        [&](const std::vector<double>& p, std::size_t i) {
                                          const double share =
                                              std::max(1 + p[1] * (paths[i] - 1), 1e-3);
                                          return std::log(seconds[i]) - p[0] - std::log(share);
                                        });
  if (!fit) return std::nullopt;
  return stated_share(fit->estimate([](const std::vector<double>& p) { return p[1]; }));
}

}  // namespace ridgeline::model
