#include "model/saturation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/seconds.hpp"
#include "model/measured_range.hpp"

namespace ridgeline::model {
namespace {

double bandwidth(double latency, double most, double q, double loads, double bytes_per_load) {
  const double rising = latency / (loads * bytes_per_load) * most;  // in units of the plateau
  return most * std::pow(std::pow(rising, q) + 1, -1 / q);
}

// Returns the points by increasing loads.
struct Points {
  std::vector<double> loads, rates;
};

Points sorted(const std::vector<double>& loads, const std::vector<double>& rates) {
  std::vector<std::size_t> order(loads.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return loads[a] < loads[b]; });
  Points points;
  for (const std::size_t i : order) {
    points.loads.push_back(loads[i]);
    points.rates.push_back(rates[i]);
  }
  return points;
}

// Returns the seconds per load of the fastest point: n c / B(n) is above t everywhere.
double shortest(const Points& points, double bytes_per_load) {
  double least = points.loads[0] * bytes_per_load / points.rates[0];
  for (std::size_t i = 1; i < points.loads.size(); ++i) {
    least = std::min(least, points.loads[i] * bytes_per_load / points.rates[i]);
  }
  return least;
}

// Returns whether the first two points are on the plateau already: one of them may be disturbed.
bool is_flat(const Points& points) {
  const std::size_t half = points.rates.size() / 2;
  const double plateau = median_of(
      std::vector<double>(points.rates.begin() + std::ptrdiff_t(half), points.rates.end()));
  return kPlateau * std::max(points.rates[0], points.rates[1]) >= plateau;
}

std::optional<Saturation> fit_flat(const Points& points, double bytes_per_load) {
  const auto value = [](const std::vector<double>& p) { return std::exp(p[0]); };
  const auto fit = robust_least_squares({std::log(median_of(points.rates))}, points.rates.size(),
                                        [&](const std::vector<double>& p, std::size_t i) {
                                          return std::log(points.rates[i]) - p[0];
                                        });
  if (!fit) return std::nullopt;
  Saturation flat;
  flat.grows = false;
  flat.bytes_per_second = stated(fit->positive(value), {});
  flat.loads_in_flight = below_range(points.loads[1]);
  flat.latency_seconds = below_range(shortest(points, bytes_per_load));
  flat.fitted_bandwidth = value(fit->parameters());
  flat.sharpness = 1;
  flat.residual_deviation = fit->residual_deviation();
  return flat;
}

}  // namespace

double Saturation::at(double loads, double bytes_per_load) const {
  return bandwidth(fitted_latency, fitted_bandwidth, sharpness, loads, bytes_per_load);
}

std::optional<Saturation> fit_saturation(const std::vector<double>& loads,
                                         const std::vector<double>& bytes_per_second,
                                         double bytes_per_load) {
  const std::size_t n = loads.size();
  if (n < 4) return std::nullopt;
  const Points points = sorted(loads, bytes_per_second);
  if (is_flat(points)) return fit_flat(points, bytes_per_load);
  const auto t = [](const std::vector<double>& p) { return std::exp(p[0]); };
  const double highest = *std::max_element(points.rates.begin(), points.rates.end());
  // A curve that does not saturate shows only that the plateau is higher: this bounds the search.
  const auto most = [=](const std::vector<double>& p) {
    return highest * std::exp(std::min(p[1], 10.0));
  };
  // Between the harmonic sum, 1, and 20, a corner sharper than in any measured curve.
  const auto q = [](const std::vector<double>& p) { return 1 + 19 / (1 + std::exp(-p[2])); };
  const auto knee = [&](const std::vector<double>& p) { return t(p) * most(p) / bytes_per_load; };
  const auto fit = robust_least_squares(
      {std::log(shortest(points, bytes_per_load)), 0, -1.5}, n,
      [&](const std::vector<double>& p, std::size_t i) {
        return std::log(points.rates[i] /
                        bandwidth(t(p), most(p), q(p), points.loads[i], bytes_per_load));
      });
  if (!fit) return std::nullopt;
  Saturation saturation;
  saturation.fitted_latency = t(fit->parameters());
  saturation.fitted_bandwidth = most(fit->parameters());
  saturation.sharpness = q(fit->parameters());
  saturation.residual_deviation = fit->residual_deviation();
  saturation.latency_seconds = stated(fit->positive(t), {});
  const Estimate plateau = fit->positive(most), where = fit->positive(knee);
  const MeasuredRange range = {points.loads.front(), points.loads.back()};
  // Noise at the last point is not a plateau: the loads must extend beyond the knee.
  if (plateau.value <= kPlateau * highest && is_bounded(plateau) &&
      kPlateau * where.value <= range.last) {
    saturation.bytes_per_second = plateau;
    saturation.loads_in_flight = stated(where, range);
  } else {
    saturation.bytes_per_second = beyond_range(highest);
    // t B / c, with a B above the highest point.
    const double least = std::max(where.low, saturation.fitted_latency * highest / bytes_per_load);
    saturation.loads_in_flight = beyond_range(std::clamp(least, range.first, range.last));
  }
  return saturation;
}

}  // namespace ridgeline::model
