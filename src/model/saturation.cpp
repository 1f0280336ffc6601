#include "model/saturation.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::model {
namespace {

double bandwidth(double latency, double most, double q, double loads, double bytes_a_load) {
  const double rising = latency / (loads * bytes_a_load) * most;  // in units of the plateau's
  return most * std::pow(std::pow(rising, q) + 1, -1 / q);
}

}  // namespace

double Saturation::at(double loads, double bytes_a_load) const {
  return bandwidth(latency_seconds.value, bytes_per_second.value, sharpness, loads, bytes_a_load);
}

std::optional<Saturation> fit_saturation(const std::vector<double>& loads,
                                         const std::vector<double>& bytes_per_second,
                                         double bytes_a_load) {
  const std::size_t n = loads.size();
  if (n < 4) return std::nullopt;
  const auto t = [](const std::vector<double>& p) { return std::exp(p[0]); };
  const double highest = *std::max_element(bytes_per_second.begin(), bytes_per_second.end());
  // A curve that does not saturate says only that the plateau is higher: it ends somewhere.
  const auto most = [=](const std::vector<double>& p) {
    return highest * std::exp(std::min(p[1], 10.0));
  };
  // Between the harmonic sum, 1, and a corner that no measured curve shows sharper, 20.
  const auto q = [](const std::vector<double>& p) { return 1 + 19 / (1 + std::exp(-p[2])); };
  const auto knee = [&](const std::vector<double>& p) { return t(p) * most(p) / bytes_a_load; };
  const auto fit =
      least_squares({std::log(loads[0] * bytes_a_load / bytes_per_second[0]), 0, -1.5}, n,
                    [&](const std::vector<double>& p, std::size_t i) {
                      return std::log(bytes_per_second[i] /
                                      bandwidth(t(p), most(p), q(p), loads[i], bytes_a_load));
                    });
  if (!fit) return std::nullopt;
  return Saturation{fit->positive(t), fit->positive(most), fit->positive(knee),
                    q(fit->parameters()), fit->residual_deviation()};
}

}  // namespace ridgeline::model
