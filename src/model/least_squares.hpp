#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

namespace ridgeline::model {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A fitted quantity with its 95 % confidence interval. Bounds that the data do not determine are
/// infinite; a value that they do not determine is not finite (see model/measured_range.hpp).
struct Estimate {
  double value = 0, low = 0, high = 0;

  /// Returns whether the data determine a value.
  bool reached() const { return std::isfinite(value); }
};

/// The result of `least_squares`: parameters and their covariance.
class Fit {
 public:
  Fit(std::vector<double> parameters, std::vector<double> covariance, int degrees_of_freedom,
      double residual_deviation);

  const std::vector<double>& parameters() const { return parameters_; }
  int degrees_of_freedom() const { return degrees_of_freedom_; }
  /// Returns the standard deviation of the residuals; of logarithms, about the relative error of a
  /// point.
  double residual_deviation() const { return residual_deviation_; }

  using Function = std::function<double(const std::vector<double>& parameters)>;
  /// Returns a function of the parameters, with the interval by the delta method with Student's t.
  Estimate estimate(const Function& function) const;
  /// Returns the same for a positive function: the interval is symmetric in the logarithm.
  Estimate positive(const Function& function) const;

 private:
  double half_width(const Function& function) const;  // of the 95 % interval

  std::vector<double> parameters_, covariance_;  // [n], [n, n]
  int degrees_of_freedom_;
  double residual_deviation_;
};

/// Returns the difference between a model with parameters p and point i.
using Residual = std::function<double(const std::vector<double>& p, std::size_t i)>;

/// Minimises Σ residual(p, i)² over the parameters p from `start` for i in [0, points), with the
/// Levenberg-Marquardt method (Moré, "The Levenberg-Marquardt algorithm", 1978). Returns nullopt if
/// there are not more points than parameters, or if a residual at the end is not finite.
std::optional<Fit> least_squares(const std::vector<double>& start, std::size_t points,
                                 const Residual& residual);

/// A normal distribution's standard deviation is this multiple of its median absolute deviation:
/// 1 / Φ⁻¹(3/4) (Rousseeuw and Croux, "Alternatives to the median absolute deviation", 1993).
inline constexpr double kDeviationOfMad = 1.4826;

/// Does the same for single times on shared machines, some of which are outliers, with Huber's
/// M-estimator: errors beyond 1.345 standard deviations (from the median absolute residual) count
/// linearly instead of quadratically. The covariance is the asymptotic one, with the correction for
/// few points (Huber, Robust Statistics, 1981, section 7.6).
std::optional<Fit> robust_least_squares(const std::vector<double>& start, std::size_t points,
                                        const Residual& residual);

/// Returns the median of values, with the 95 % interval from order statistics, valid for any
/// distribution (infinite bounds for fewer than six values). Returns nullopt if there are none.
std::optional<Estimate> median_estimate(std::vector<double> values);

}  // namespace ridgeline::model
