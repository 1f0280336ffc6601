#include "model/comparison.hpp"

#include <unsupported/Eigen/SpecialFunctions>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/seconds.hpp"

namespace ridgeline::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Pairs have half the degrees of freedom: their variances have to be smaller than this, relative to
// those of the runs, to be used.
constexpr double kPairsGain = 0.6;
constexpr std::size_t kLeastPairs = 3;

double trigamma(double x) { return Eigen::numext::polygamma(1.0, x); }

// The x at which trigamma is y, by Newton's method on 1 / trigamma, which is convex and nearly a
// straight line (Smyth 2004, appendix).
double trigamma_inverse(double y) {
  double x = 0.5 + 1 / y;
  for (int i = 0; i < 50; ++i) {
    const double value = trigamma(x);
    const double step = value * (1 - value / y) / Eigen::numext::polygamma(2.0, x);
    x += step;
    if (std::abs(step) < 1e-10 * x) break;
  }
  return x;
}

// A side of a comparison, in logarithms.
struct Side {
  std::vector<double> values;  // of the runs
  double mean = 0;
  double squares = 0;                         // of the runs' distances from the mean
  std::optional<double> variance_by_samples;  // of the mean, if all runs have samples
  double samples = 0;
  std::size_t runs = 0;
};

Side side_of(const std::vector<RunTime>& runs, bool by_best) {
  Side side;
  side.runs = runs.size();
  const double count = static_cast<double>(runs.size());
  double variances = 0;
  bool all_have_samples = !by_best;
  for (const RunTime& run : runs) {
    side.values.push_back(std::log(by_best ? run.best : run.median));
    side.mean += side.values.back() / count;
    side.samples += static_cast<double>(run.samples.size());
    all_have_samples = all_have_samples && run.samples.size() > 1;
    if (all_have_samples) variances += median_log_variance(run.samples);
  }
  for (const double value : side.values) side.squares += (value - side.mean) * (value - side.mean);
  if (all_have_samples) side.variance_by_samples = variances / (count * count);
  return side;
}

struct Sides {
  Side before, after;
  bool in_turn;
  double shift() const { return after.mean - before.mean; }
  // What a variance between runs is known from.
  double degrees_of_freedom() const {
    return static_cast<double>(before.runs) + static_cast<double>(after.runs) - 2;
  }
  // Variances of the shift.
  VarianceEstimate by_runs() const {
    const double n = degrees_of_freedom();
    const double runs = 1 / static_cast<double>(before.runs) + 1 / static_cast<double>(after.runs);
    return {n > 0 ? (before.squares + after.squares) / n * runs : 0, n};
  }
  VarianceEstimate by_pairs() const {
    const double n = static_cast<double>(before.runs) - 1;
    double squares = 0;
    for (std::size_t i = 0; i < before.runs; ++i) {
      const double distance = after.values[i] - before.values[i] - shift();
      squares += distance * distance;
    }
    return {squares / n / (n + 1), n};
  }
};

// Whether pairs of runs are much more alike than runs are. This depends on distances from means,
// not on means, so that it favours neither outcome.
bool pairs_gain(const std::vector<Sides>& all) {
  std::vector<double> ratios;
  for (const Sides& sides : all) {
    const double by_runs = sides.by_runs().variance;
    if (sides.in_turn && by_runs > 0) ratios.push_back(sides.by_pairs().variance / by_runs);
  }
  return !ratios.empty() && median_of(ratios) < kPairsGain;
}

// The variance of one quantity, with what all say of theirs. It is never below its own estimate: a
// quantity that does vary more than the others would otherwise be taken to be too certain.
VarianceEstimate moderated(const VarianceEstimate& own, const VarianceEstimate& prior,
                           double all_degrees_of_freedom) {
  if (!(prior.degrees_of_freedom > 0)) return own;
  const double total = own.degrees_of_freedom + prior.degrees_of_freedom;
  const double variance =
      std::isinf(total)
          ? prior.variance
          : (prior.degrees_of_freedom * prior.variance + own.degrees_of_freedom * own.variance) /
                total;
  // No more is known than all quantities together say.
  return {std::max(variance, own.variance), std::min(total, all_degrees_of_freedom)};
}

}  // namespace

double median_log_variance(std::vector<double> samples) {
  const std::size_t n = samples.size();
  if (n < 2) return 0;
  std::sort(samples.begin(), samples.end());
  // With an even number a resample's median is taken to be one of its two middle values, both
  // equally likely; the upper one has the probabilities of the lower one, in opposite order.
  const double a = static_cast<double>((n + 1) / 2);
  const double b = static_cast<double>(n) - a + 1;
  const double count = static_cast<double>(n);
  const auto below = [&](std::size_t i) {  // that the a-th smallest is among the i smallest
    return Eigen::numext::betainc(a, b, static_cast<double>(i) / count);
  };
  double mean = 0, square = 0, before = 0;
  const double centre = std::log(samples[n / 2]);
  std::vector<double> chances;
  for (std::size_t i = 1; i <= n; ++i) {
    const double until = i < n ? below(i) : 1;
    chances.push_back(until - before);
    before = until;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double chance = 0.5 * (chances[i] + chances[n - 1 - i]);
    const double value = std::log(samples[i]) - centre;
    mean += chance * value;
    square += chance * value * value;
  }
  return std::max(0.0, square - mean * mean);
}

VarianceEstimate variance_prior(const std::vector<VarianceEstimate>& estimates) {
  // log s² = log σ² + log(χ²(d) / d), whose mean and variance are known.
  std::vector<double> logarithms;
  double expected = 0, mean = 0;
  for (const auto& [variance, freedom] : estimates) {
    if (!(variance > 0) || !(freedom > 0)) continue;
    logarithms.push_back(std::log(variance) - Eigen::numext::digamma(freedom / 2) +
                         std::log(freedom / 2));
    mean += logarithms.back();
    expected += trigamma(freedom / 2);
  }
  const double count = static_cast<double>(logarithms.size());
  if (count < 3) return {};
  mean /= count;
  double spread = 0;
  for (const double value : logarithms) spread += (value - mean) * (value - mean);
  const double excess = spread / (count - 1) - expected / count;
  if (!(excess > 0)) return {std::exp(mean), kInfinity};
  const double half = trigamma_inverse(excess);
  return {std::exp(mean + Eigen::numext::digamma(half) - std::log(half)), 2 * half};
}

std::vector<Compared> compare(const std::vector<Matched>& quantities,
                              const CompareOptions& options) {
  std::vector<Compared> results;
  std::vector<Sides> all;
  double intervals = 0;
  for (const Matched& quantity : quantities) {
    Compared result;
    const std::size_t runs = quantity.before.size() + quantity.after.size();
    result.by_best = quantity.best_counts && runs > 2;
    result.from_samples = runs == 2;
    all.push_back({side_of(quantity.before, result.by_best),
                   side_of(quantity.after, result.by_best),
                   quantity.in_turn && quantity.before.size() == quantity.after.size() &&
                       quantity.before.size() >= kLeastPairs});
    const Sides& sides = all.back();
    result.before = std::exp(sides.before.mean);
    result.after = std::exp(sides.after.mean);
    result.ratio = std::exp(sides.shift());
    if (!result.from_samples ||
        (sides.before.variance_by_samples && sides.after.variance_by_samples)) {
      ++intervals;
      result.interval.emplace();
    }
    results.push_back(result);
  }
  const bool by_pairs = pairs_gain(all);
  std::vector<VarianceEstimate> variances(all.size());  // none, if there is one run on each side
  double all_degrees_of_freedom = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    results[i].paired = by_pairs && all[i].in_turn;
    if (results[i].from_samples) continue;
    variances[i] = results[i].paired ? all[i].by_pairs() : all[i].by_runs();
    all_degrees_of_freedom += variances[i].degrees_of_freedom;
  }
  const VarianceEstimate prior = variance_prior(variances);
  const double outside = (1 - options.level) / std::max(intervals, 1.0);
  const double smallest = std::log(options.smallest_effect);
  for (std::size_t i = 0; i < results.size(); ++i) {
    Compared& result = results[i];
    if (!result.interval) continue;
    const Side &before = all[i].before, &after = all[i].after;
    VarianceEstimate known{0, before.samples + after.samples - 2};
    if (!result.from_samples) known = moderated(variances[i], prior, all_degrees_of_freedom);
    if (before.variance_by_samples && after.variance_by_samples) {
      // Runs cannot agree better than their samples allow.
      known.variance =
          std::max(known.variance, *before.variance_by_samples + *after.variance_by_samples);
    }
    const double half = student_t(outside, known.degrees_of_freedom) * std::sqrt(known.variance);
    const double shift = all[i].shift();
    result.interval = {result.ratio, std::exp(shift - half), std::exp(shift + half)};
    result.differs = shift - half > smallest || shift + half < -smallest;
  }
  return results;
}

}  // namespace ridgeline::model
