#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

namespace ridgeline::model {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A fitted quantity with its 95 % confidence interval. Bounds that the data do not give are
/// infinite; a value that they do not give is not finite (see model/measured_range.hpp).
struct Estimate {
  double value = 0, low = 0, high = 0;

  /// Returns whether the data give a value.
  bool reached() const { return std::isfinite(value); }
};

/// The outcome of `least_squares`: parameters, and how sure the data make us of them.
class Fit {
 public:
  Fit(std::vector<double> parameters, std::vector<double> covariance, int degrees_of_freedom,
      double residual_deviation);

  const std::vector<double>& parameters() const { return parameters_; }
  int degrees_of_freedom() const { return degrees_of_freedom_; }
  /// Standard deviation of the residuals; of logarithms, about the relative error of a point.
  double residual_deviation() const { return residual_deviation_; }

  using Function = std::function<double(const std::vector<double>& parameters)>;
  /// A function of the parameters, its interval by the delta method with Student's t.
  Estimate estimate(const Function& function) const;
  /// The same for what is positive: the interval is symmetric in the logarithm.
  Estimate positive(const Function& function) const;

 private:
  double half_width(const Function& function) const;  // of the 95 % interval

  std::vector<double> parameters_, covariance_;  // [n], [n, n]
  int degrees_of_freedom_;
  double residual_deviation_;
};

/// How far a model with parameters p is from point i.
using Residual = std::function<double(const std::vector<double>& p, std::size_t i)>;

/// Minimises Σ residual(p, i)² over the parameters p from `start`, with Levenberg and Marquardt's
/// method (Moré, "The Levenberg-Marquardt algorithm", 1978), for i in [0, points). Returns nothing
/// if there are not more points than parameters, or where a residual at the end is not finite.
std::optional<Fit> least_squares(const std::vector<double>& start, std::size_t points,
                                 const Residual& residual);

/// The same for single times on machines that others share, of which some are outliers: Huber's
/// M-estimator, which counts what lies beyond 1.345 standard deviations (1.4826 times the median
/// absolute residual) by its size and not by its square. The covariance is the asymptotic one, with
/// the correction for few points (Huber, Robust Statistics, 1981, section 7.6).
std::optional<Fit> robust_least_squares(const std::vector<double>& start, std::size_t points,
                                        const Residual& residual);

/// The median of values, with the 95 % interval that order statistics give whatever their
/// distribution (infinite bounds where there are fewer than six). Returns nothing if there are
/// none.
std::optional<Estimate> median_estimate(std::vector<double> values);

}  // namespace ridgeline::model
