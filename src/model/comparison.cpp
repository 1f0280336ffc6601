#include "model/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/seconds.hpp"
#include "model/special_functions.hpp"

namespace ridgeline::model {
namespace {

// Pairs have half the degrees of freedom: they are used only if their variances are smaller than
// this, relative to those of the runs.
constexpr double kPairsGain = 0.6;
constexpr std::size_t kLeastPairs = 3;

// Returns the x at which trigamma is y, by Newton's method on 1 / trigamma, which is convex and
// nearly linear (Smyth 2004, appendix).
double trigamma_inverse(double y) {
  double x = 0.5 + 1 / y;
  for (int i = 0; i < 50; ++i) {
    const double value = trigamma(x);
    const double step = value * (1 - value / y) / tetragamma(x);
    if (!std::isfinite(step)) break;
    x += step;
    if (std::abs(step) < 1e-10 * x) break;
  }
  return x;
}

double log_time(const RunTime& run, bool by_best) {
  return std::log(by_best ? run.best : run.median);
}

// Runs of one side in one state of the machine.
struct Cell {
  std::vector<double> values;
  double mean = 0;
  double squares = 0;              // of deviations from the mean
  double variance_by_samples = 0;  // of the mean
};

Cell cell_of(const std::vector<RunTime>& runs, int state, bool by_best) {
  Cell cell;
  double variances = 0;
  for (const RunTime& run : runs) {
    if (run.state != state) continue;
    cell.values.push_back(log_time(run, by_best));
    cell.mean += cell.values.back();
    variances += median_log_variance(run.samples);
  }
  const double count = static_cast<double>(cell.values.size());
  cell.mean /= std::max(count, 1.0);
  cell.variance_by_samples = variances / std::max(count * count, 1.0);
  for (const double value : cell.values) {
    cell.squares += (value - cell.mean) * (value - cell.mean);
  }
  return cell;
}

// Both sides of one quantity, in logarithms.
class Sides {
 public:
  Sides(const Matched& quantity, bool by_best)
      : in_turn_(quantity.in_turn && quantity.before.size() == quantity.after.size() &&
                 quantity.before.size() >= kLeastPairs),
        has_samples_(!by_best) {
    std::set<int> states;
    for (const auto* runs : {&quantity.before, &quantity.after}) {
      for (const RunTime& run : *runs) {
        states.insert(run.state);
        samples_ += static_cast<double>(run.samples.size());
        has_samples_ = has_samples_ && run.samples.size() > 1;
      }
    }
    for (const int state : states) {
      cells_.push_back(
          {cell_of(quantity.before, state, by_best), cell_of(quantity.after, state, by_best)});
    }
    const std::size_t all = quantity.before.size() + quantity.after.size();
    cells_.erase(std::remove_if(cells_.begin(), cells_.end(),
                                [](const auto& cell) {
                                  return cell.first.values.empty() || cell.second.values.empty();
                                }),
                 cells_.end());
    for (const auto& [before, after] : cells_) {
      const double weight = weight_of(before, after);
      weight_ += weight;
      shift_ += weight * (after.mean - before.mean);
      used_ += before.values.size() + after.values.size();
    }
    shift_ /= std::max(weight_, 1e-300);
    left_out_ = all - used_;
    in_turn_ = in_turn_ && cells_.size() == 1 && left_out_ == 0;
  }

  bool comparable() const { return !cells_.empty(); }
  std::size_t states() const { return cells_.size(); }
  std::size_t left_out() const { return left_out_; }
  bool in_turn() const { return in_turn_; }
  double samples() const { return samples_; }
  double shift() const { return shift_; }

  // Return variances of the shift.
  VarianceEstimate by_runs() const {
    const double freedom = static_cast<double>(used_) - static_cast<double>(cells_.size()) - 1;
    double squares = 0;
    for (const auto& [before, after] : cells_) {
      const double distance = after.mean - before.mean - shift_;
      squares += before.squares + after.squares + weight_of(before, after) * distance * distance;
    }
    return {freedom > 0 ? squares / freedom / weight_ : 0, std::max(freedom, 0.0)};
  }
  // Requires in_turn().
  VarianceEstimate by_pairs() const {
    const auto& [before, after] = cells_.front();
    const double n = static_cast<double>(before.values.size()) - 1;
    double squares = 0;
    for (std::size_t i = 0; i < before.values.size(); ++i) {
      const double distance = after.values[i] - before.values[i] - shift_;
      squares += distance * distance;
    }
    return {squares / n / (n + 1), n};
  }
  // Returns nullopt unless all runs have samples.
  std::optional<double> by_samples() const {
    if (!has_samples_) return {};
    double variance = 0;
    for (const auto& [before, after] : cells_) {
      const double share = weight_of(before, after) / weight_;
      variance += share * share * (before.variance_by_samples + after.variance_by_samples);
    }
    return variance;
  }

 private:
  static double weight_of(const Cell& before, const Cell& after) {
    return 1 / (1 / static_cast<double>(before.values.size()) +
                1 / static_cast<double>(after.values.size()));
  }

  std::vector<std::pair<Cell, Cell>> cells_;  // those with runs of both sides
  bool in_turn_, has_samples_;
  double weight_ = 0, shift_ = 0, samples_ = 0;
  std::size_t used_ = 0, left_out_ = 0;  // numbers of runs
};

// Returns the mean over the runs.
double mean_log(const std::vector<RunTime>& runs, bool by_best) {
  double sum = 0;
  for (const RunTime& run : runs) sum += log_time(run, by_best);
  return sum / static_cast<double>(runs.size());
}

// Returns whether pairs of runs vary much less than runs do. This depends on deviations from means,
// not on means, so it does not bias the result.
bool pairs_gain(const std::vector<Sides>& all) {
  std::vector<double> ratios;
  for (const Sides& sides : all) {
    const double by_runs = sides.by_runs().variance;
    if (sides.in_turn() && by_runs > 0) ratios.push_back(sides.by_pairs().variance / by_runs);
  }
  return !ratios.empty() && median_of(ratios) < kPairsGain;
}

// Returns the variance of one quantity, moderated by the prior from all quantities. It is never
// below its own estimate: otherwise the interval of a quantity that varies more than the others
// would be too narrow.
VarianceEstimate moderated(const VarianceEstimate& own, const VarianceEstimate& prior,
                           double all_degrees_of_freedom) {
  if (!(prior.degrees_of_freedom > 0)) return own;
  const double total = own.degrees_of_freedom + prior.degrees_of_freedom;
  const double variance =
      std::isinf(total)
          ? prior.variance
          : (prior.degrees_of_freedom * prior.variance + own.degrees_of_freedom * own.variance) /
                total;
  // The degrees of freedom do not exceed those of all quantities together.
  return {std::max(variance, own.variance), std::min(total, all_degrees_of_freedom)};
}

}  // namespace

const char* verdict_of(std::optional<bool> differs, double ratio) {
  if (!differs) return kUnknown;
  return !*differs ? kSame : ratio > 1 ? kSlower : kFaster;
}

double median_log_variance(std::vector<double> samples) {
  const std::size_t n = samples.size();
  if (n < 2) return 0;
  std::sort(samples.begin(), samples.end());
  // If the number is even, a resample's median is taken to be one of its two middle values with
  // equal probability; the upper one has the probabilities of the lower one in reverse order.
  const double a = static_cast<double>((n + 1) / 2);
  const double b = static_cast<double>(n) - a + 1;
  const double count = static_cast<double>(n);
  const auto below = [&](std::size_t i) {  // P(the a-th smallest is among the i smallest)
    return incomplete_beta(a, b, static_cast<double>(i) / count);
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
    logarithms.push_back(std::log(variance) - digamma(freedom / 2) + std::log(freedom / 2));
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
  return {std::exp(mean + digamma(half) - std::log(half)), 2 * half};
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
    all.emplace_back(quantity, result.by_best);
    const Sides& sides = all.back();
    result.by_state = sides.states() > 1;
    result.left_out = sides.left_out();
    result.before = std::exp(mean_log(quantity.before, result.by_best));
    result.after = std::exp(mean_log(quantity.after, result.by_best));
    result.ratio = sides.comparable() ? std::exp(sides.shift()) : result.after / result.before;
    const bool known = result.from_samples ? sides.by_samples().has_value()
                                           : sides.by_runs().degrees_of_freedom > 0;
    if (sides.comparable() && known) {
      ++intervals;
      result.interval.emplace();
    }
    results.push_back(result);
  }
  const bool by_pairs = pairs_gain(all);
  std::vector<VarianceEstimate> variances(all.size());  // 0 if there is one run on each side
  double all_degrees_of_freedom = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    results[i].paired = by_pairs && all[i].in_turn();
    if (results[i].from_samples || !results[i].interval) continue;
    variances[i] = results[i].paired ? all[i].by_pairs() : all[i].by_runs();
    all_degrees_of_freedom += variances[i].degrees_of_freedom;
  }
  const VarianceEstimate prior = variance_prior(variances);
  const double outside = (1 - options.level) / std::max(intervals, 1.0);
  const double smallest = std::log(options.smallest_effect);
  for (std::size_t i = 0; i < results.size(); ++i) {
    Compared& result = results[i];
    if (!result.interval) continue;
    VarianceEstimate known{0, all[i].samples() - 2};
    if (!result.from_samples) known = moderated(variances[i], prior, all_degrees_of_freedom);
    // The variance between runs is at least that of their samples.
    known.variance = std::max(known.variance, all[i].by_samples().value_or(0));
    const double half = student_t(outside, known.degrees_of_freedom) * std::sqrt(known.variance);
    const double shift = all[i].shift();
    result.interval = {result.ratio, std::exp(shift - half), std::exp(shift + half)};
    result.differs = shift - half > smallest || shift + half < -smallest;
  }
  return results;
}

}  // namespace ridgeline::model
