#include "model/comparison.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/random.hpp"
#include "core/seconds.hpp"
#include "model/special_functions.hpp"
#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::covers;

// Synthetic runs on a shared machine: a deviation common to all quantities of a run, one per run
// and quantity, and samples within a run of which some are much too long.
class Machine {
 public:
  explicit Machine(std::uint64_t seed) : seed_(seed) {}

  double common_deviation = 0.01;  // of the logarithm
  double run_deviation = 0.012;    // a third to three times of this, by quantity
  double sample_deviation = 0.03;
  double disturbed_runs = 0.1;  // probability; these are a tenth slower
  double tails = 3;             // degrees of freedom of Student's t; 0 is a normal distribution
  double drift = 0;             // from one run to the next; runs of both sides alternate
  double slow_state = 0;        // probability of a run; all its quantities are up to 50 % slower
  int samples = 20;

  // `slower` is the factor of quantity 0 after the change.
  std::vector<Matched> compare_runs(int quantities, int before, int after, double slower = 1) {
    std::vector<Matched> matched(static_cast<std::size_t>(quantities));
    double drifted = 0;
    for (int run = 0; run < before + after; ++run) {
      const bool is_after = drift > 0 ? run % 2 == 1 : run >= before;
      drifted += drift * next().normal();
      double common = drifted + common_deviation * noise();
      if (uniform() < disturbed_runs) common += 0.1 * uniform();
      const int state = uniform() < slow_state ? 1 : 0;
      for (int i = 0; i < quantities; ++i) {
        const double deviation = run_deviation * std::pow(3, std::sin(i));
        const double time = 1e-3 * (1 + i) * (is_after && i == 0 ? slower : 1) *
                            std::exp(common + deviation * noise() + state * 0.05 * (i % 9));
        Matched& quantity = matched[static_cast<std::size_t>(i)];
        (is_after ? quantity.after : quantity.before).push_back(run_of(time));
        (is_after ? quantity.after : quantity.before).back().state = state;
        quantity.in_turn = drift > 0;
      }
    }
    return matched;
  }

 private:
  Philox next() { return Philox(seed_, stream::kProbe, count_++); }
  double uniform() { return next().uniform(0); }
  // Of unit scale.
  double noise() {
    double squares = 0;
    for (int i = 0; i < static_cast<int>(tails); ++i) squares += std::pow(next().normal(), 2);
    return next().normal() / (tails > 0 ? std::sqrt(squares / tails) : 1);
  }
  RunTime run_of(double time) {
    std::vector<double> values;
    for (int i = 0; i < samples; ++i) {
      const double spike = tails > 0 && uniform() < 0.05 ? 1 + uniform() : 1;
      values.push_back(time * spike * std::exp(sample_deviation * next().normal()));
    }
    return {median_of(values), *std::min_element(values.begin(), values.end()), values};
  }

  std::uint64_t seed_, count_ = 0;
};

int differing(const std::vector<Compared>& outcomes) {
  return static_cast<int>(std::count_if(outcomes.begin(), outcomes.end(), [](const Compared& each) {
    return each.differs.value_or(false);
  }));
}

// Shares of trials.
struct Trials {
  double any_difference = 0;  // of comparisons in which any quantity but the first differs
  double found = 0;           // in which the first is slower
  double covered = 0;         // in which all intervals contain the true ratios
};

Trials repeat(int trials, int quantities, int before, int after, double slower,
              const std::function<void(Machine&)>& change = {}) {
  Trials shares;
  for (int trial = 0; trial < trials; ++trial) {
    Machine machine(static_cast<std::uint64_t>(trial) + 1);
    if (change) change(machine);
    const std::vector<Compared> outcomes =
        compare(machine.compare_runs(quantities, before, after, slower));
    const bool found = outcomes[0].differs.value_or(false) && outcomes[0].ratio > 1;
    bool all = true;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (!outcomes[i].interval) continue;
      all = all && covers(outcomes[i].interval.value(), i == 0 ? slower : 1);
    }
    shares.found += found;
    shares.any_difference += differing(outcomes) > (found ? 1 : 0);
    shares.covered += all;
  }
  for (double* share : {&shares.any_difference, &shares.found, &shares.covered}) *share /= trials;
  return shares;
}

// The requirement: of 20 comparisons of five runs with five of the same build at most one reports
// any difference, and a kernel that is a tenth slower is found in 19.
TEST(Comparison, ItsVerdictIsOneOfFourWords) {
  EXPECT_STREQ(verdict_of({}, 2), kUnknown);
  EXPECT_STREQ(verdict_of(false, 2), kSame);
  EXPECT_STREQ(verdict_of(true, 2), kSlower);
  EXPECT_STREQ(verdict_of(true, 0.5), kFaster);
}

TEST(Comparison, TheSameBuildRarelyDiffersAndATenthIsFound) {
  for (const int quantities : {1, 12, 30, 200}) {
    const Trials same = repeat(200, quantities, 5, 5, 1);
    EXPECT_LE(same.any_difference, 0.02) << quantities;
    EXPECT_LE(same.found, 0.02) << quantities;
    EXPECT_GE(same.covered, 0.92) << quantities;
  }
  const auto varying_by = [](double deviation) {
    return [=](Machine& machine) {
      machine.disturbed_runs = 0;
      machine.common_deviation = 0.005;
      machine.run_deviation = deviation;
      machine.tails = 0;
    };
  };
  const Trials slower = repeat(200, 20, 5, 5, 1.1, varying_by(0.015));
  EXPECT_GE(slower.found, 0.95);
  EXPECT_LE(slower.any_difference, 0.02);
  EXPECT_GE(repeat(100, 20, 10, 10, 1.1, varying_by(0.03)).found, 0.85);
}

TEST(Comparison, HeavyTailsAndDisturbedRunsHideDifferencesAndMakeNone) {
  const auto disturbed = [](Machine& machine) { machine.disturbed_runs = 0.3; };
  EXPECT_LE(repeat(200, 20, 5, 5, 1, disturbed).any_difference, 0.03);
  const Trials slower = repeat(200, 20, 5, 5, 1.2, disturbed);
  EXPECT_GE(slower.found, 0.5);
}

// On a machine that drifts only alternate runs find differences.
TEST(Comparison, AlternateRunsRemoveDrift) {
  const auto drifting = [](Machine& machine) {
    machine.common_deviation = machine.disturbed_runs = machine.tails = 0;
    machine.drift = 0.02;
  };
  const Trials same = repeat(200, 12, 5, 5, 1, drifting);
  EXPECT_LE(same.any_difference, 0.02);
  EXPECT_LE(same.found, 0.02);
  EXPECT_GE(same.covered, 0.9);
  EXPECT_GE(repeat(200, 12, 5, 5, 1.1, drifting).found, 0.85);

  Machine machine(2);
  drifting(machine);
  machine.drift = 0.05;
  std::vector<Matched> runs = machine.compare_runs(12, 5, 5);
  const Compared paired = compare(runs)[0];
  EXPECT_TRUE(paired.paired);
  for (Matched& quantity : runs) quantity.in_turn = false;
  const Compared unpaired = compare(runs)[0];
  EXPECT_FALSE(unpaired.paired);
  EXPECT_EQ(unpaired.ratio, paired.ratio);
  EXPECT_GT(unpaired.interval->high, paired.interval->high);
  // Without drift the runs contain more information than half as many pairs.
  machine.drift = 1e-6;
  EXPECT_FALSE(compare(machine.compare_runs(12, 5, 5))[0].paired);
}

// By hand: ratios of pairs 1.1 e^{-s}, 1.1, 1.1 e^{s}, whatever the runs have in common.
TEST(Comparison, AnIntervalOfPairsIsStudentsForTheirRatios) {
  const double spread = 0.02, shift = std::log(1.1);
  Matched quantity;
  quantity.in_turn = true;
  for (const double z : {-1.0, 0.0, 1.0}) {
    quantity.before.push_back({std::exp(10 * z), 1, {}});
    quantity.after.push_back({std::exp(10 * z + shift + spread * z), 1, {}});
  }
  const Compared outcome = compare({quantity})[0];
  EXPECT_TRUE(outcome.paired);
  const double half = 4.3027 * spread / std::sqrt(3.0);  // t(2; 0.975)
  EXPECT_NEAR(std::log(outcome.interval->low), shift - half, 1e-4);
  EXPECT_NEAR(std::log(outcome.interval->high), shift + half, 1e-4);
}

TEST(Comparison, RunsInOtherStatesOfTheMachineAreComparedWithTheirLike) {
  const auto in_states = [](Machine& machine) {
    machine.slow_state = 0.4;
    machine.disturbed_runs = 0;
    machine.common_deviation = 0.005;
    machine.run_deviation = 0.01;
    machine.tails = 0;
  };
  const Trials same = repeat(200, 20, 5, 5, 1, in_states);
  EXPECT_LE(same.any_difference, 0.02);
  EXPECT_GE(same.covered, 0.92);
  EXPECT_GE(repeat(200, 20, 5, 5, 1.1, in_states).found, 0.9);
}

// By hand: in state 0 two runs before and one after, in state 1 one and two; one run in state 2.
TEST(Comparison, StatesAreAnAnalysisOfVarianceWithoutInteraction) {
  const auto run = [](double logarithm, int state) {
    return RunTime{std::exp(logarithm), 1, {}, state};
  };
  Matched quantity;
  quantity.before = {run(-0.01, 0), run(0.01, 0), run(1, 1)};
  quantity.after = {run(0.1, 0), run(1.12, 1), run(1.16, 1), run(9, 2)};
  const Compared outcome = compare({quantity})[0];
  EXPECT_TRUE(outcome.by_state);
  EXPECT_EQ(outcome.left_out, 1u);
  const double shift = 0.12;  // the mean of 0.1 and 0.14, with weights of 2/3 each
  EXPECT_NEAR(std::log(outcome.ratio), shift, 1e-12);
  const double squares = 2 * 0.01 * 0.01 + 2 * 0.02 * 0.02 + 2 * 2 / 3.0 * 0.02 * 0.02;
  const double half = 3.1824 * std::sqrt(squares / 3 / (4 / 3.0));  // t(3; 0.975)
  EXPECT_NEAR(std::log(outcome.interval->low), shift - half, 1e-4);
  EXPECT_NEAR(std::log(outcome.interval->high), shift + half, 1e-4);

  for (RunTime& each : quantity.after) each.state = 3;
  const Compared apart = compare({quantity})[0];
  EXPECT_FALSE(apart.interval.has_value());
  EXPECT_FALSE(apart.differs.has_value());
  EXPECT_EQ(apart.left_out, 7u);
}

TEST(Comparison, IntervalsAreAsWideAsTheirLevelSays) {
  const auto normal = [](Machine& machine) {
    machine.disturbed_runs = 0;
    machine.tails = 0;
  };
  for (const auto& [before, after] : {std::pair(5, 5), std::pair(2, 3), std::pair(1, 6)}) {
    const Trials one = repeat(400, 1, before, after, 1.1, normal);
    EXPECT_GE(one.covered, 0.92) << before << " " << after;
    EXPECT_LE(one.covered, 0.98) << before << " " << after;
  }
  // Quantities that vary independently.
  const Trials many = repeat(400, 20, 5, 5, 1.1, [&](Machine& machine) {
    normal(machine);
    machine.common_deviation = 0;
  });
  EXPECT_GE(many.covered, 0.92);
  EXPECT_LE(many.covered, 0.99);
}

TEST(Comparison, OneRunEachIsJudgedByItsSamplesAndSaysSo) {
  const auto one_run = [](Machine& machine) {
    machine.common_deviation = machine.run_deviation = machine.disturbed_runs = 0;
  };
  const Trials same = repeat(300, 10, 1, 1, 1, one_run);
  EXPECT_LE(same.any_difference, 0.05);
  EXPECT_GE(same.covered, 0.92);
  EXPECT_GE(repeat(100, 10, 1, 1, 1.1, one_run).found, 0.9);
  Machine machine(1);
  EXPECT_TRUE(compare(machine.compare_runs(1, 1, 1))[0].from_samples);
  EXPECT_FALSE(compare(machine.compare_runs(1, 1, 2))[0].from_samples);
}

TEST(Comparison, RatiosAreOfMediansAndHaveADirection) {
  const auto runs = [](std::vector<double> medians) {
    std::vector<RunTime> times;
    for (const double median : medians) times.push_back({median, median / 2, {}});
    return times;
  };
  const auto outcome = [&](bool best_counts, double factor) {
    return compare(
        {{runs({1, 1.01, 0.99}), runs({factor, 1.01 * factor, 0.99 * factor}), best_counts}})[0];
  };
  for (const double factor : {1.3, 1 / 1.3}) {
    const Compared one = outcome(false, factor);
    EXPECT_NEAR(one.ratio, factor, 1e-12);
    EXPECT_NEAR(one.after / one.before, factor, 1e-12);
    EXPECT_NEAR(one.before, 1, 1e-3);
    EXPECT_LT(one.interval->low, factor);
    EXPECT_GT(one.interval->high, factor);
    EXPECT_TRUE(*one.differs);
    EXPECT_FALSE(one.by_best);
  }
  const Compared best = outcome(true, 1.3);
  EXPECT_TRUE(best.by_best);
  EXPECT_NEAR(best.before, 0.5, 1e-3);
}

// Student's interval by hand: means of logarithms 0 and δ, variance s² of both sides together.
TEST(Comparison, AnIntervalIsStudentsForItsRuns) {
  const double spread = 0.02, shift = 0.1;
  Matched quantity;
  for (const double z : {-1.0, 0.0, 1.0}) {
    quantity.before.push_back({std::exp(spread * z), 1, {}});
    quantity.after.push_back({std::exp(shift + spread * z), 1, {}});
  }
  const Compared alone = compare({quantity})[0];
  const double half = 2.7764 * spread * std::sqrt(2.0 / 3);  // t(4; 0.975)
  EXPECT_NEAR(std::log(alone.interval->low), shift - half, 1e-4);
  EXPECT_NEAR(std::log(alone.interval->high), shift + half, 1e-4);
  // Bonferroni's correction.
  const Compared one_of_two = compare({quantity, quantity})[0];
  const double wider = 3.4954 * spread * std::sqrt(2.0 / 3);  // t(4; 0.9875)
  EXPECT_NEAR(std::log(one_of_two.interval->high), shift + wider, 1e-4);
}

TEST(Comparison, ADifferenceLiesBeyondTheSmallestEffect) {
  Matched quantity;
  for (const double z : {0.999, 1.0, 1.001}) {
    quantity.before.push_back({z, z, {}});
    quantity.after.push_back({1.015 * z, z, {}});
  }
  const Compared small = compare({quantity})[0];
  EXPECT_GT(small.interval->low, 1.01);
  EXPECT_FALSE(*small.differs);
  EXPECT_TRUE(*compare({quantity}, {0.95, 1.005})[0].differs);
  std::swap(quantity.before, quantity.after);
  EXPECT_TRUE(*compare({quantity}, {0.95, 1.005})[0].differs);
}

TEST(Comparison, MoreQuantitiesWidenIntervals) {
  Machine machine(7);
  const std::vector<Matched> many = machine.compare_runs(60, 5, 5);
  const auto width = [](const Compared& outcome) {
    return std::log(outcome.interval->high / outcome.interval->low);
  };
  const std::vector<Matched> few(many.begin(), many.begin() + 2);
  EXPECT_GT(width(compare(many)[0]), width(compare(few)[0]));
}

TEST(Comparison, WithoutSamplesOneRunHasNoInterval) {
  const Matched single = {{{1, 1, {}}}, {{1.5, 1.5, {}}}};
  const Compared outcome = compare({single})[0];
  EXPECT_NEAR(outcome.ratio, 1.5, 1e-12);
  EXPECT_FALSE(outcome.interval);
  EXPECT_FALSE(outcome.differs);
  // One of version 1 on one side is sufficient for that; one more run is not.
  const Matched mixed = {{{1, 1, {}}}, {{1.5, 1.5, {1.4, 1.5, 1.6}}}};
  EXPECT_FALSE(compare({mixed})[0].interval);
  const Matched two = {{{1, 1, {}}}, {{1.5, 1.5, {}}, {1.51, 1.51, {}}}};
  EXPECT_TRUE(compare({two})[0].interval);
}

TEST(Comparison, RunsThatAgreeByChanceAreNoMoreCertainThanTheirSamples) {
  std::vector<double> samples;
  for (int i = 0; i < 21; ++i) samples.push_back(1 + 0.02 * (i - 10));
  const RunTime run = {1, 0.8, samples};
  const Compared outcome = compare({{{run, run}, {run, run}}})[0];
  EXPECT_NEAR(outcome.ratio, 1, 1e-12);
  const double deviation = std::sqrt(median_log_variance(samples));
  EXPECT_NEAR(std::log(outcome.interval->high), 4.3027 * deviation, 1e-3);  // t(2; 0.975)
}

TEST(Comparison, AMediansVarianceIsThatOfItsResamples) {
  for (const std::size_t count : {7u, 10u, 31u}) {
    std::vector<double> samples;
    for (std::size_t i = 0; i < count; ++i) {
      samples.push_back(std::exp(0.1 * Philox(3, stream::kProbe, i).normal()));
    }
    double sum = 0, squares = 0;
    constexpr int kResamples = 20000;
    std::uint64_t drawn = 0;
    for (int resample = 0; resample < kResamples; ++resample) {
      std::vector<double> again(count);
      for (double& value : again) {
        value =
            samples[Philox(4, stream::kProbe, drawn++).below(static_cast<std::uint32_t>(count))];
      }
      const double value = std::log(median_of(again));
      sum += value / kResamples;
      squares += value * value / kResamples;
    }
    const double variance = squares - sum * sum;
    // With an even number the mean of the two central values varies somewhat less.
    EXPECT_NEAR(median_log_variance(samples), variance, (count % 2 == 0 ? 0.25 : 0.04) * variance)
        << count;
  }
  EXPECT_EQ(median_log_variance({1}), 0);
  EXPECT_EQ(median_log_variance({2, 2, 2}), 0);
}

TEST(Comparison, ThePriorOfVariancesIsFound) {
  // Variances σ² with 1/σ² from χ²(10) / 10, each estimated with 8 degrees of freedom.
  std::uint64_t drawn = 0;
  const auto chi_squared = [&](int freedom) {
    double sum = 0;
    for (int i = 0; i < freedom; ++i)
      sum += std::pow(Philox(5, stream::kProbe, drawn++).normal(), 2);
    return sum;
  };
  std::vector<VarianceEstimate> estimates, alike;
  for (int i = 0; i < 4000; ++i) {
    const double variance = 4 * 10 / chi_squared(10);
    estimates.push_back({variance * chi_squared(8) / 8, 8});
    alike.push_back({4 * chi_squared(8) / 8, 8});
  }
  const VarianceEstimate prior = variance_prior(estimates);
  EXPECT_NEAR(prior.variance, 4, 0.2);
  EXPECT_NEAR(prior.degrees_of_freedom, 10, 1.5);
  EXPECT_NEAR(variance_prior(alike).variance, 4, 0.2);
  EXPECT_GT(variance_prior(alike).degrees_of_freedom, 100);
  EXPECT_EQ(variance_prior({{1, 8}, {2, 8}}).degrees_of_freedom, 0);
  EXPECT_EQ(variance_prior({{0, 8}, {0, 8}, {0, 8}}).degrees_of_freedom, 0);
}

TEST(Comparison, AVarianceIsModeratedUpwardsOnly) {
  const auto quantity = [](double spread) {
    Matched runs;
    for (const double z : {-1.0, 0.0, 1.0}) {
      runs.before.push_back({std::exp(spread * z), 1, {}});
      runs.after.push_back({std::exp(-spread * z), 1, {}});
    }
    return runs;
  };
  const auto width = [&](double spread, double others) {
    std::vector<Matched> quantities(8, quantity(others));
    quantities[0] = quantity(spread);
    const Compared outcome = compare(quantities)[0];
    return std::log(outcome.interval->high / outcome.interval->low);
  };
  // Three runs that agree by chance are not more certain than the others.
  EXPECT_GT(width(0.001, 0.02), 5 * width(0.001, 0.001));
  // A larger variance is not changed; only its degrees of freedom increase.
  EXPECT_NEAR(width(0.04, 0.02), 2 * student_t(0.05 / 8, 8 * 4) * 0.04 * std::sqrt(2.0 / 3), 1e-4);
}

}  // namespace
}  // namespace ridgeline::model
