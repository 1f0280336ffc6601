#include "model/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/seconds.hpp"
#include "model/special_functions.hpp"

namespace ridgeline::model {
namespace {

// The columns of a matrix.
using Columns = std::vector<std::vector<double>>;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double norm(const std::vector<double>& a) { return std::sqrt(dot(a, a)); }

// Computes A = Q R by the modified Gram-Schmidt process: Q replaces the columns, R is upper
// triangular. A column that is linearly dependent on those before it has 0 on R's diagonal.
Columns orthogonalise(Columns& columns) {
  const std::size_t n = columns.size();
  Columns r(n, std::vector<double>(n));  // r[j][i]: row i of column j
  for (std::size_t j = 0; j < n; ++j) {
    const double before = norm(columns[j]);
    for (std::size_t i = 0; i < j; ++i) {
      r[j][i] = dot(columns[i], columns[j]);
      for (std::size_t k = 0; k < columns[j].size(); ++k) {
        columns[j][k] -= r[j][i] * columns[i][k];
      }
    }
    // The derivatives are finite differences, exact to about 10 digits.
    const double length = norm(columns[j]);
    r[j][j] = length > 1e-10 * before ? length : 0;
    for (double& value : columns[j]) value = r[j][j] > 0 ? value / length : 0;
  }
  return r;
}

// Returns the solution x of R x = b, with 0 where R's diagonal is 0.
std::vector<double> back_substitution(const Columns& r, std::vector<double> b) {
  for (std::size_t j = r.size(); j-- > 0;) {
    b[j] = r[j][j] > 0 ? b[j] / r[j][j] : 0;
    for (std::size_t i = 0; i < j; ++i) b[i] -= r[j][i] * b[j];
  }
  return b;
}

std::vector<double> errors_at(const Residual& residual, std::size_t points,
                              const std::vector<double>& x) {
  std::vector<double> errors(points);
  for (std::size_t i = 0; i < points; ++i) errors[i] = residual(x, i);
  return errors;
}

// Returns the derivatives of the residuals with respect to each parameter, as central differences.
Columns jacobian_at(const Residual& residual, std::size_t points, std::vector<double> x) {
  Columns jacobian;
  for (double& parameter : x) {
    const double at = parameter;
    const double step =
        std::cbrt(std::numeric_limits<double>::epsilon()) * (at == 0 ? 1 : std::abs(at));
    parameter = at + step;
    std::vector<double> column = errors_at(residual, points, x);
    parameter = at - step;
    const std::vector<double> below = errors_at(residual, points, x);
    parameter = at;
    for (std::size_t i = 0; i < points; ++i) column[i] = (column[i] - below[i]) / (2 * step);
    jacobian.push_back(std::move(column));
  }
  return jacobian;
}

// Returns the step that minimises |errors + J step|² + damping |scale ∘ step|².
std::vector<double> damped_step(Columns jacobian, const std::vector<double>& errors,
                                const std::vector<double>& scale, double damping) {
  const std::size_t n = jacobian.size();
  for (std::size_t j = 0; j < n; ++j) {
    jacobian[j].resize(errors.size() + n);
    jacobian[j][errors.size() + j] = std::sqrt(damping) * scale[j];
  }
  const Columns r = orthogonalise(jacobian);
  std::vector<double> remainder = errors, projections;
  remainder.resize(errors.size() + n);
  for (const std::vector<double>& column : jacobian) {
    projections.push_back(-dot(column, remainder));
    for (std::size_t k = 0; k < column.size(); ++k) remainder[k] += projections.back() * column[k];
  }
  return back_substitution(r, std::move(projections));
}

// Returns the minimum of the sum of squares, iterating from `x`.
std::vector<double> minimum(const Residual& residual, std::size_t points, std::vector<double> x) {
  constexpr double kTolerance = 1e-12;  // relative, of the sum of squares and of the parameters
  constexpr double kMostDamping = 1e16;
  std::vector<double> scale(x.size()), errors = errors_at(residual, points, x);
  double damping = 1e-3;
  for (int iteration = 0; iteration < 400; ++iteration) {
    const Columns jacobian = jacobian_at(residual, points, x);
    for (std::size_t j = 0; j < x.size(); ++j) scale[j] = std::max(scale[j], norm(jacobian[j]));
    const double squares = dot(errors, errors);
    bool converged = true;  // unless a step reduces the sum
    for (; damping < kMostDamping; damping *= 8) {
      const std::vector<double> step = damped_step(jacobian, errors, scale, damping);
      std::vector<double> next = x;
      double moved = 0, size = 0;
      for (std::size_t j = 0; j < x.size(); ++j) {
        next[j] += step[j];
        moved += std::pow(scale[j] * step[j], 2);
        size += std::pow(scale[j] * x[j], 2);
      }
      std::vector<double> next_errors = errors_at(residual, points, next);
      const double next_squares = dot(next_errors, next_errors);
      if (next_squares < squares) {
        converged = squares - next_squares <= kTolerance * squares &&
                    moved <= kTolerance * kTolerance * size;
        x = std::move(next), errors = std::move(next_errors);
        damping = std::max(damping / 8, 1e-16);
        break;
      }
      if (moved <= kTolerance * kTolerance * size) break;
    }
    if (converged) break;
  }
  return x;
}

// Returns the fit at the minimum x for points with this variance.
std::optional<Fit> fit_at(const Residual& residual, std::size_t points, std::vector<double> x,
                          double variance) {
  const std::size_t n = x.size();
  Columns jacobian = jacobian_at(residual, points, x);
  // Scaled to unit columns, so that parameters of different magnitude do not appear dependent. A
  // parameter that no residual depends on, such as one at the end of its range, is undetermined and
  // does not make the others undetermined: its column is 0.
  std::vector<double> scale;
  for (std::vector<double>& column : jacobian) {
    scale.push_back(norm(column));
    if (!std::isfinite(variance) || !std::isfinite(scale.back())) return std::nullopt;
    for (double& value : column) value /= scale.back() > 0 ? scale.back() : 1;
  }
  const Columns r = orthogonalise(jacobian);
  bool determined = true;
  Columns inverse;  // of R
  for (std::size_t j = 0; j < n; ++j) {
    determined = determined && (r[j][j] > 0 || scale[j] == 0);
    std::vector<double> unit(n);
    unit[j] = 1;
    inverse.push_back(back_substitution(r, std::move(unit)));
  }
  std::vector<double> covariance(n * n, kInfinity);  // variance (RᵀR)⁻¹
  for (std::size_t i = 0; determined && i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (scale[i] == 0 || scale[j] == 0) continue;
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) sum += inverse[k][i] * inverse[k][j];
      covariance[i * n + j] = variance * sum / (scale[i] * scale[j]);
    }
  }
  return Fit(std::move(x), std::move(covariance), static_cast<int>(points - n),
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
  const std::size_t n = start.size();
  if (n == 0 || points <= n) return std::nullopt;
  std::vector<double> x = minimum(residual, points, start);
  const std::vector<double> errors = errors_at(residual, points, x);
  return fit_at(residual, points, std::move(x), dot(errors, errors) / double(points - n));
}

std::optional<Fit> robust_least_squares(const std::vector<double>& start, std::size_t points,
                                        const Residual& residual) {
  constexpr double kHuber = 1.345;  // standard deviations, for an efficiency of 95 %
  const std::size_t n = start.size();
  if (n == 0 || points <= n) return std::nullopt;
  const double degrees_of_freedom = double(points - n), count = double(points);
  std::vector<double> x = start, errors, sizes, weights(points, 1.0);
  const Residual weighted = [&](const std::vector<double>& p, std::size_t i) {
    return std::sqrt(weights[i]) * residual(p, i);
  };
  double most = 0;  // larger errors count linearly
  for (int turn = 0; turn < 50; ++turn) {
    const std::vector<double> before = x;
    x = minimum(weighted, points, before);
    errors = sizes = errors_at(residual, points, x);
    for (double& size : sizes) size = std::abs(size);
    most = kHuber * kDeviationOfMad * std::sqrt(count / degrees_of_freedom) * median_of(sizes);
    double moved = 0;
    for (std::size_t j = 0; j < n; ++j) moved = std::max(moved, std::abs(x[j] - before[j]));
    if (turn > 0 && moved < 1e-9) break;
    for (std::size_t i = 0; i < points; ++i) weights[i] = sizes[i] <= most ? 1 : most / sizes[i];
  }
  double squares = 0, within = 0;
  for (const double size : sizes) {
    squares += std::pow(std::min(size, most), 2);
    within += size <= most ? 1 / count : 0;
  }
  const double correction = 1 + double(n) / count * (1 - within) / within;
  return fit_at(residual, points, std::move(x),
                std::pow(correction / within, 2) * squares / degrees_of_freedom);
}

std::optional<Estimate> median_estimate(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const std::size_t k = median_interval_rank(n);
  return Estimate{median_of(values), k > 0 ? values[k - 1] : -kInfinity,
                  k > 0 ? values[n - k] : kInfinity};
}

}  // namespace ridgeline::model
