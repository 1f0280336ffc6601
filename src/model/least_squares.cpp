#include "model/least_squares.hpp"

#include <Eigen/Dense>
#include <unsupported/Eigen/NonLinearOptimization>
#include <unsupported/Eigen/NumericalDiff>
#include <unsupported/Eigen/SpecialFunctions>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/seconds.hpp"

namespace ridgeline::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What Eigen's algorithms ask for.
struct Residuals {
  using Scalar = double;
  using InputType = Eigen::VectorXd;
  using ValueType = Eigen::VectorXd;
  using JacobianType = Eigen::MatrixXd;
  enum { InputsAtCompileTime = Eigen::Dynamic, ValuesAtCompileTime = Eigen::Dynamic };

  const Residual& residual;
  int parameters, points;

  int inputs() const { return parameters; }
  int values() const { return points; }
  int operator()(const InputType& x, ValueType& out) const {
    const std::vector<double> p(x.data(), x.data() + x.size());
    for (int i = 0; i < points; ++i) out[i] = residual(p, static_cast<std::size_t>(i));
    return 0;
  }
};

// Where the sum of squares is least, from `start` on.
Eigen::VectorXd minimum(const Residuals& residuals, const Eigen::VectorXd& start) {
  Eigen::NumericalDiff<Residuals, Eigen::Central> functor(residuals);
  Eigen::LevenbergMarquardt<Eigen::NumericalDiff<Residuals, Eigen::Central>> search(functor);
  search.parameters.xtol = search.parameters.ftol = 1e-12;
  search.parameters.maxfev = 400 * (residuals.parameters + 1);
  Eigen::VectorXd x = start;
  search.minimize(x);
  return x;
}

// The fit whose minimum is x and whose points have this variance.
std::optional<Fit> fit_at(const Residuals& residuals, const Eigen::VectorXd& x, double variance) {
  const int n = residuals.parameters, m = residuals.points;
  Eigen::MatrixXd jacobian(m, n);
  Eigen::NumericalDiff<Residuals, Eigen::Central>(residuals).df(x, jacobian);
  if (!std::isfinite(variance) || !jacobian.allFinite()) return std::nullopt;
  // Scaled to unit columns, so that parameters of different size do not look dependent. A parameter
  // that no residual depends on, such as one at the end of its range, is undetermined and does not
  // make the others so: its column is 0.
  const Eigen::VectorXd scale = jacobian.colwise().norm();
  int determined = 0;
  for (int i = 0; i < n; ++i) {
    if (scale[i] > 0) jacobian.col(i) /= scale[i], ++determined;
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(jacobian);
  std::vector<double> covariance(static_cast<std::size_t>(n * n), kInfinity);
  if (determined > 0 && qr.rank() == determined) {
    Eigen::MatrixXd normal = jacobian.transpose() * jacobian;
    for (int i = 0; i < n; ++i) {
      if (scale[i] == 0) normal(i, i) = 1;
    }
    const Eigen::MatrixXd inverse = normal.inverse();
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) {
        if (scale[i] == 0 || scale[j] == 0) continue;
        covariance[static_cast<std::size_t>(i * n + j)] =
            variance * inverse(i, j) / (scale[i] * scale[j]);
      }
    }
  }
  return Fit(std::vector<double>(x.data(), x.data() + n), std::move(covariance), m - n,
             std::sqrt(variance));
}

}  // namespace

Fit::Fit(std::vector<double> parameters, std::vector<double> covariance, int degrees_of_freedom,
         double residual_deviation)
    : parameters_(std::move(parameters)),
      covariance_(std::move(covariance)),
      degrees_of_freedom_(degrees_of_freedom),
      residual_deviation_(residual_deviation) {}

double Fit::half_width(const Function& function) const {
  const std::size_t n = parameters_.size();
  std::vector<double> gradient(n), p = parameters_;
  for (std::size_t i = 0; i < n; ++i) {
    const double step = 1e-5 * std::max(std::abs(parameters_[i]), 1e-5);
    p[i] = parameters_[i] + step;
    const double above = function(p);
    p[i] = parameters_[i] - step;
    gradient[i] = (above - function(p)) / (2 * step);
    p[i] = parameters_[i];
  }
  double variance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      // A parameter that the function does not depend on may be undetermined.
      if (gradient[i] == 0 || gradient[j] == 0) continue;
      variance += gradient[i] * covariance_[i * n + j] * gradient[j];
    }
  }
  if (!std::isfinite(variance)) return kInfinity;
  return student_t_95(degrees_of_freedom_) * std::sqrt(std::max(variance, 0.0));
}

Estimate Fit::estimate(const Function& function) const {
  const double value = function(parameters_), half = half_width(function);
  return {value, value - half, value + half};
}

Estimate Fit::positive(const Function& function) const {
  const double value = function(parameters_);
  const double half =
      half_width([&](const std::vector<double>& p) { return std::log(function(p)); });
  return {value, value * std::exp(-half), value * std::exp(half)};
}

std::optional<Fit> least_squares(const std::vector<double>& start, std::size_t points,
                                 const Residual& residual) {
  const int n = static_cast<int>(start.size()), m = static_cast<int>(points);
  if (n == 0 || m <= n) return std::nullopt;
  const Residuals residuals{residual, n, m};
  const Eigen::VectorXd x = minimum(residuals, Eigen::Map<const Eigen::VectorXd>(start.data(), n));
  Eigen::VectorXd errors(m);
  residuals(x, errors);
  return fit_at(residuals, x, errors.squaredNorm() / (m - n));
}

std::optional<Fit> robust_least_squares(const std::vector<double>& start, std::size_t points,
                                        const Residual& residual) {
  constexpr double kHuber = 1.345;            // standard deviations, for 95 % of efficiency
  constexpr double kDeviationOfMad = 1.4826;  // of a normal distribution
  const int n = static_cast<int>(start.size()), m = static_cast<int>(points);
  if (n == 0 || m <= n) return std::nullopt;
  const Residuals residuals{residual, n, m};
  Eigen::VectorXd x = Eigen::Map<const Eigen::VectorXd>(start.data(), n), errors(m);
  Eigen::ArrayXd weights = Eigen::ArrayXd::Ones(m);
  const Residual weighted = [&](const std::vector<double>& p, std::size_t i) {
    return std::sqrt(weights[static_cast<Eigen::Index>(i)]) * residual(p, i);
  };
  double most = 0;  // what an error counts
  for (int turn = 0; turn < 50; ++turn) {
    const Eigen::VectorXd before = x;
    x = minimum({weighted, n, m}, before);
    residuals(x, errors);
    const Eigen::ArrayXd sizes = errors.cwiseAbs();
    most = kHuber * kDeviationOfMad * std::sqrt(double(m) / (m - n)) *
           median_of(std::vector<double>(sizes.data(), sizes.data() + m));
    if (turn > 0 && (x - before).lpNorm<Eigen::Infinity>() < 1e-9) break;
    weights = (sizes <= most).select(1.0, most / sizes);
  }
  const double squares = errors.cwiseMax(-most).cwiseMin(most).squaredNorm();
  const double within = (errors.array().abs() <= most).cast<double>().mean();
  const double correction = 1 + double(n) / m * (1 - within) / within;
  return fit_at(residuals, x, std::pow(correction / within, 2) * squares / (m - n));
}

std::optional<Estimate> median_estimate(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const std::size_t k = median_interval_rank(n);
  return Estimate{median_of(values), k > 0 ? values[k - 1] : -kInfinity,
                  k > 0 ? values[n - k] : kInfinity};
}

double student_t_95(int degrees_of_freedom) { return student_t(0.05, degrees_of_freedom); }

double student_t(double outside, double degrees_of_freedom) {
  if (degrees_of_freedom < 1) return kInfinity;
  const double n = std::min(degrees_of_freedom, 1e6);  // the normal distribution
  // P(|T| > t) = I(n / (n + t²); n/2, 1/2), the regularised incomplete beta function, falls with t.
  const auto beyond = [&](double t) { return Eigen::numext::betainc(n / 2, 0.5, n / (n + t * t)); };
  double low = 0, high = 1;
  while (beyond(high) > outside && high < 1e12) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (beyond(middle) > outside ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace ridgeline::model
