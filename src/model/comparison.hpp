#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/least_squares.hpp"

namespace ridgeline::model {

/// One quantity of one run, in seconds, or in any unit in which less is faster.
struct RunTime {
  double median = 0;
  double best = 0;                   ///< the minimum
  std::vector<double> samples = {};  ///< may be empty
  int state = 0;                     ///< of the machine; only runs of the same state are compared
};

/// One quantity in every run of both sides.
struct Matched {
  std::vector<RunTime> before, after;
  /// The minima are compared, if there are more than two runs; the minimum of a single run has
  /// no known error.
  bool best_counts = false;
  /// The runs were measured alternately: run i of either side before run i + 1 of the other.
  bool in_turn = false;
};

struct CompareOptions {
  /// Probability that every interval of a comparison contains its true ratio.
  double level = 0.95;
  /// A ratio closer to 1 than this, or its inverse, is not reported as a difference.
  double smallest_effect = 1.02;
};

/// The result for one quantity.
struct Compared {
  double before = 0, after = 0;  ///< geometric means over the runs
  bool by_best = false;          ///< of minima; otherwise of medians
  double ratio = 1;              ///< after / before: above 1 is slower
  /// nullopt if neither runs nor samples determine the variation of the ratio.
  std::optional<Estimate> interval;
  /// Whether the interval lies beyond the smallest effect; nullopt if there is no interval.
  std::optional<bool> differs;
  bool from_samples = false;  ///< one run on either side: excludes variation between runs
  bool paired = false;        ///< the interval is from the ratios of alternate runs
  /// The runs compared were in several states of the machine, each compared with those in the same.
  bool by_state = false;
  std::size_t left_out = 0;  ///< runs in a state in which the other side has none
};

/// The words for Compared::differs and the direction.
inline constexpr const char *kSlower = "slower", *kFaster = "faster", *kSame = "no",
                            *kUnknown = "unknown";

/// Returns which of these words applies to a ratio.
const char* verdict_of(std::optional<bool> differs, double ratio);

/// Compares quantities of the same runs. Each has `before` and `after` with at least one run, all
/// times above 0.
///
/// The logarithm of a side's time is the mean over its runs of the logarithm of each run's median
/// (or minimum). Its variance is that of a bootstrap which draws runs, and, if either side has only
/// one run, of one which draws samples; both are known in closed form (see median_log_variance), so
/// that nothing is drawn. Variances between runs are estimated for both sides together and
/// moderated over all quantities, upwards only (Smyth, "Linear models and empirical Bayes methods",
/// Statistical Applications in Genetics and Molecular Biology 3, 2004). If runs were measured
/// alternately, and the ratios of such pairs vary much less than the runs (the machine drifts),
/// variances are those of the pairs' ratios. This is decided for all quantities together.
/// If the runs were in several states of the machine (RunTime::state), each state adds its own
/// constant to the logarithms, and the ratio is the same in all: two-way analysis of variance
/// without interaction. Runs in a state that the other side lacks are left out; if
/// no state has runs of both sides, there is no interval.
///
/// Intervals have Student's t and Bonferroni's correction: with probability `level` all of them
/// contain the true ratios, so that no unchanged quantity differs. A difference is an
/// interval beyond the smallest effect (McCarthy and Smyth, "Testing significance relative to a
/// fold-change threshold", Bioinformatics 25, 2009).
std::vector<Compared> compare(const std::vector<Matched>& quantities,
                              const CompareOptions& options = {});

/// Returns the variance of the logarithm of the median of `samples` over all bootstrap resamples of
/// them, without drawing any: the median of a resample is the i-th smallest sample with a
/// probability that is known (Maritz and Jarrett, Journal of the American Statistical Association
/// 73, 1978). Returns 0 for fewer than two samples.
double median_log_variance(std::vector<double> samples);

/// An estimate of a variance; or a prior of many: each is about `variance`, as if known from
/// `degrees_of_freedom` more values (infinite if all are the same).
struct VarianceEstimate {
  double variance = 0;
  double degrees_of_freedom = 0;
};

/// Estimates the prior from estimated variances (`degrees_of_freedom` are those of each estimate)
/// by the mean and variance of their logarithms; leaves out those that are 0. Returns 0 degrees of
/// freedom for fewer than three.
VarianceEstimate variance_prior(const std::vector<VarianceEstimate>& estimates);

}  // namespace ridgeline::model
