#include "model/measured_range.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/crossover.hpp"
#include "model/divergence.hpp"
#include "model/launch_cost.hpp"
#include "model/levels.hpp"
#include "model/saturation.hpp"
#include "model/scaling.hpp"
#include "support/curves.hpp"
#include "support/noise.hpp"

// The results of every fit for curves that are disturbed, flat, end before the quantity in
// question, or have two or three points: a value within the measured range with a bounded interval,
// or none.

namespace ridgeline::model {
namespace {

using testing::disturbances;
using testing::expect_within;
using testing::Noise;

constexpr int kTrials = 100;

TEST(Stated, IsWhatLiesInTheRangeWithABoundedInterval) {
  const Estimate stated_one = stated({20, 10, 40}, {1, 64});
  EXPECT_EQ(stated_one.value, 20);
  EXPECT_EQ(stated_one.low, 10);
  EXPECT_EQ(stated_one.high, 40);
  EXPECT_EQ(stated({20, 5, 50}, {1, 64}).value, 20);
  // For an interval of more than a decade only the bounds are stated.
  const Estimate wide = stated({20, 4.9, 50}, {1, 64});
  EXPECT_FALSE(wide.reached());
  EXPECT_EQ(wide.low, 4.9);
  EXPECT_EQ(wide.high, 50);
  const Estimate unbounded = stated({20, 0, kInfinity}, {1, 64});
  EXPECT_FALSE(unbounded.reached());
  EXPECT_EQ(unbounded.low, -kInfinity);
  EXPECT_EQ(unbounded.high, kInfinity);
}

TEST(Stated, OutsideTheRangeIsABoundThatWasMeasured) {
  const Estimate beyond = stated({1.5e6, 1e6, 2e6}, {1, 64});
  EXPECT_EQ(beyond.value, kInfinity);
  EXPECT_EQ(beyond.low, 64);
  EXPECT_EQ(beyond.high, kInfinity);
  EXPECT_EQ(stated({70, 40, 100}, {1, 64}).low, 40);
  const Estimate below = stated({0.1, 0.05, 0.2}, {1, 64});
  EXPECT_EQ(below.value, -kInfinity);
  EXPECT_EQ(below.low, -kInfinity);
  EXPECT_EQ(below.high, 1);
}

TEST(Stated, SharesHaveAnIntervalWithinTheirScale) {
  EXPECT_EQ(stated_share({0.1, -0.3, 0.6}).value, 0.1);
  EXPECT_FALSE(stated_share({0.1, -0.6, 0.6}).reached());
  EXPECT_FALSE(stated_share({0.1, -kInfinity, kInfinity}).reached());
  EXPECT_FALSE(stated_share({0.1, 0.0, 0.2}, 7).reached());
}

// Loads in flight, and bandwidths that saturate at 31 loads.
struct Loads {
  std::vector<double> loads, rates;
};
constexpr double kLoadLatency = 100e-9, kMostRate = 20e9, kLineBytes = 64;

Loads saturating(double to, Noise noise) {
  Loads curve;
  for (double n = 1; n <= to; n *= std::sqrt(2)) {
    const double rising = n * kLineBytes / kLoadLatency;
    curve.loads.push_back(n);
    curve.rates.push_back(std::pow(std::pow(rising, -3) + std::pow(kMostRate, -3), -1.0 / 3) *
                          noise());
  }
  return curve;
}

std::optional<Saturation> fit_of(const Loads& curve) {
  return fit_saturation(curve.loads, curve.rates, kLineBytes);
}

TEST(SaturationOf, DisturbedPointsStaysWhereItIs) {
  int found = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Loads curve = saturating(512, Noise(trial, 0.02));
    const std::vector<double> slower = disturbances(curve.rates.size(), trial);
    for (std::size_t i = 0; i < slower.size(); ++i) curve.rates[i] /= slower[i];
    const auto fit = fit_of(curve);
    ASSERT_TRUE(fit);
    expect_within(fit->loads_in_flight, 1, 512);
    if (fit->bytes_per_second.reached()) {
      EXPECT_LE(fit->bytes_per_second.value,
                kPlateau * *std::max_element(curve.rates.begin(), curve.rates.end()));
    }
    const double knee = fit->loads_in_flight.value;
    found += knee > 31.25 / 1.3 && knee < 31.25 * 1.3;
  }
  EXPECT_GE(found, 95);
}

TEST(SaturationOf, AFlatCurveHasNoKnee) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    for (const bool disturbed : {false, true}) {
      Loads curve = saturating(64, Noise(0, 0));
      Noise noise(trial, 0.03);
      const std::vector<double> slower = disturbances(curve.rates.size(), trial);
      for (std::size_t i = 0; i < slower.size(); ++i) {
        curve.rates[i] = 5e9 * noise() / (disturbed ? slower[i] : 1);
      }
      const auto fit = fit_of(curve);
      ASSERT_TRUE(fit);
      EXPECT_FALSE(fit->grows);
      EXPECT_FALSE(fit->loads_in_flight.reached());
      EXPECT_EQ(fit->loads_in_flight.high, curve.loads[1]);
      EXPECT_FALSE(fit->latency_seconds.reached());
      EXPECT_NEAR(fit->bytes_per_second.value, 5e9, 0.05 * 5e9);
    }
  }
}

TEST(SaturationOf, ACurveThatDoesNotSaturateIsNotReached) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    for (const double noise : {0.0, 0.03}) {
      for (const bool disturbed : {false, true}) {
        Loads curve = saturating(8, Noise(trial, noise));
        const std::vector<double> slower = disturbances(curve.rates.size(), trial);
        for (std::size_t i = 0; disturbed && i < slower.size(); ++i) curve.rates[i] /= slower[i];
        const auto fit = fit_of(curve);
        ASSERT_TRUE(fit);
        const double last = curve.loads.back();
        expect_within(fit->loads_in_flight, 1, last);
        if (disturbed) continue;
        EXPECT_FALSE(fit->loads_in_flight.reached());
        EXPECT_GT(fit->loads_in_flight.low, 0.5 * last);
        EXPECT_FALSE(fit->bytes_per_second.reached());
        EXPECT_EQ(fit->bytes_per_second.low,
                  *std::max_element(curve.rates.begin(), curve.rates.end()));
      }
    }
  }
}

// Calls of V bytes, with a cost of 3 µs and then 40 GB/s: half of the rate at 120 kB.
struct Calls {
  std::vector<double> bytes, seconds;
};
constexpr double kLaunchCost = 3e-6, kRate = 40e9;

Calls calls(double from, double to, Noise noise) {
  Calls curve;
  for (double v = from; v <= to; v *= 2) {
    curve.bytes.push_back(v);
    curve.seconds.push_back((kLaunchCost + v / kRate) * noise());
  }
  return curve;
}

TEST(LaunchCostOf, DisturbedPointsStaysWhereItIs) {
  int found = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Calls curve = calls(256, 1 << 24, Noise(trial, 0.02));
    const std::vector<double> slower = disturbances(curve.seconds.size(), trial);
    for (std::size_t i = 0; i < slower.size(); ++i) curve.seconds[i] *= slower[i];
    const auto cost = fit_launch_cost(curve.bytes, curve.seconds);
    ASSERT_TRUE(cost);
    expect_within(cost->half_rate_bytes, 256, 1 << 24);
    found += std::abs(std::log(cost->seconds.value / kLaunchCost)) < 0.1 &&
             std::abs(std::log(cost->bytes_per_second.value / kRate)) < 0.15;
  }
  EXPECT_GE(found, 95);
}

TEST(LaunchCostOf, TimesThatDoNotGrowHasNoRate) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Calls curve = calls(256, 1 << 14, Noise(0, 0));
    Noise noise(trial, 0.03);
    double fastest = 0;
    for (std::size_t i = 0; i < curve.seconds.size(); ++i) {
      curve.seconds[i] = kLaunchCost * noise();
      fastest = std::max(fastest, curve.bytes[i] / curve.seconds[i]);
    }
    const auto cost = fit_launch_cost(curve.bytes, curve.seconds);
    ASSERT_TRUE(cost);
    EXPECT_FALSE(cost->bytes_per_second.reached());
    EXPECT_EQ(cost->bytes_per_second.low, fastest);
    EXPECT_FALSE(cost->half_rate_bytes.reached());
    EXPECT_LE(cost->half_rate_bytes.low, curve.bytes.back());
    EXPECT_NEAR(cost->seconds.value, kLaunchCost, 0.1 * kLaunchCost);
    EXPECT_NEAR(cost->at(1000), kLaunchCost, 0.1 * kLaunchCost);
  }
}

TEST(LaunchCostOf, LargeCallsAloneHasNoCost) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const Calls curve = calls(1 << 22, 1 << 28, Noise(trial, 0.02));
    const auto cost = fit_launch_cost(curve.bytes, curve.seconds);
    ASSERT_TRUE(cost);
    expect_within(cost->half_rate_bytes, 1 << 22, 1 << 28);
    EXPECT_FALSE(cost->seconds.reached());
    EXPECT_LE(cost->seconds.high, curve.seconds.front());
    EXPECT_NEAR(cost->bytes_per_second.value, kRate, 0.1 * kRate);
  }
}

TEST(LaunchCostOf, ThreePointsIsStatedOnlyAsFarAsTheyBoundIt) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Noise noise(trial, 0.2);
    Calls curve;
    for (const double v : {1e4, 1e5, 1e6}) {
      curve.bytes.push_back(v);
      curve.seconds.push_back((kLaunchCost + v / kRate) * noise());
    }
    const auto cost = fit_launch_cost(curve.bytes, curve.seconds);
    ASSERT_TRUE(cost);
    expect_within(cost->half_rate_bytes, 1e4, 1e6);
    if (cost->seconds.reached()) {
      EXPECT_LE(cost->seconds.high, 10 * cost->seconds.low);
    }
    if (cost->bytes_per_second.reached()) {
      EXPECT_LE(cost->bytes_per_second.high, 10 * cost->bytes_per_second.low);
    }
  }
}

std::vector<SizePoint> sizes(std::uint64_t trial, double noise_deviation, bool disturbed,
                             double (*ratio)(double)) {
  Noise noise(trial, noise_deviation);
  std::vector<SizePoint> points;
  for (double size = 1; size <= 512; size *= 2) {
    points.push_back({size, {}});
    const std::vector<double> slower = disturbances(10, 100 * trial + points.size());
    for (int turn = 0; turn < 10; ++turn) {
      const double factor = disturbed ? slower[static_cast<std::size_t>(turn)] : 1;
      points.back().ratios.push_back(ratio(size) * noise() / factor);
    }
  }
  return points;
}

TEST(CrossoverOf, DisturbedTurnsStaysWhereItIs) {
  int found = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const Crossover crossover =
        find_crossover(sizes(trial, 0.03, true, [](double size) { return std::sqrt(size / 22); }));
    expect_within(crossover.size, 1, 512);
    found += crossover.size.value == 32;
  }
  EXPECT_GE(found, 90);
}

TEST(CrossoverOf, AConstantRatioIsNowhereOrEverywhere) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const Crossover never = find_crossover(sizes(trial, 0.03, true, [](double) { return 0.5; }));
    EXPECT_EQ(never.kind, Crossover::Kind::never);
    EXPECT_FALSE(never.size.reached());
    EXPECT_EQ(never.size.low, 512);
    const Crossover always = find_crossover(sizes(trial, 0.03, true, [](double) { return 5.0; }));
    EXPECT_EQ(always.kind, Crossover::Kind::always);
    EXPECT_EQ(always.size.value, 1);
    const Crossover tie = find_crossover(sizes(trial, 0.03, false, [](double) { return 1.0; }));
    expect_within(tie.size, 1, 512);
    // Almost never stated: the largest size would have to win by chance in most resamples.
    EXPECT_FALSE(tie.size.reached() && tie.size.value < 256);
  }
}

TEST(CrossoverOf, TwoSizesIsOneOfThemOrNone) {
  const Crossover crossover = find_crossover({{8, {0.5, 0.6}}, {16, {1.5, 0.9}}});
  expect_within(crossover.size, 8, 16);
  EXPECT_EQ(find_crossover({{8, {0.5, 0.6}}, {16, {0.7, 0.9}}}).size.low, 16);
}

TEST(AdvantageOf, DisturbedFlatAndCutOffCurvesHasNoBreakEvenOutside) {
  int found = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Noise noise(trial, 0.05);
    std::vector<double> bytes, disturbed, flat, far;
    for (double b = 1024; b <= 1 << 24; b *= 2) bytes.push_back(b);
    const std::vector<double> slower = disturbances(bytes.size(), trial);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      disturbed.push_back(std::pow(bytes[i] / 131072, 0.25) * noise() / slower[i]);
      flat.push_back(1.5 * noise());
      far.push_back(std::pow(bytes[i] / (1 << 28), 0.25) * noise());
    }
    const auto fit = fit_advantage(bytes, disturbed);
    ASSERT_TRUE(fit);
    expect_within(fit->break_even, 1024, 1 << 24);
    found += std::abs(std::log2(fit->break_even.value / 131072)) < 1;
    EXPECT_FALSE(fit_advantage(bytes, flat)->break_even.reached());
    const Estimate beyond = fit_advantage(bytes, far)->break_even;
    EXPECT_FALSE(beyond.reached());
    EXPECT_EQ(beyond.low, 1 << 24);
    for (const auto& ratios : {flat, far}) {
      const auto three = fit_advantage({1e3, 1e4, 1e5}, {ratios[0], ratios[1], ratios[2]});
      expect_within(three->break_even, 1e3, 1e5);
    }
  }
  EXPECT_GE(found, 90);
}

ScalingCurve scaling(const std::vector<int>& threads, Noise noise, double (*seconds)(int)) {
  ScalingCurve curve;
  for (int turn = 0; turn < 3; ++turn) {
    for (const int count : threads) {
      curve.threads.push_back(count);
      curve.seconds.push_back(seconds(count) * noise());
    }
  }
  return curve;
}

TEST(ScalabilityOf, ATimeThatIsConstantInThreadsIsSerial) {
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const ScalingCurve curve = scaling({1, 2, 4, 8}, Noise(trial, 0.02), [](int) { return 1e-3; });
    const auto amdahl = fit_amdahl(curve);
    ASSERT_TRUE(amdahl);
    EXPECT_NEAR(amdahl->serial_fraction.value, 1, 0.1);
    const auto law = fit_scalability(curve);
    ASSERT_TRUE(law);
    expect_within(law->most_useful_threads, 1, 8);
  }
}

TEST(ScalabilityOf, AnOptimumBeyondTheThreadsMeasuredIsNotReached) {
  // The optimum is 22 threads.
  const auto universal = [](int p) {
    return 2e-3 * (1 + 0.05 * (p - 1) + 0.002 * p * (p - 1)) / p;
  };
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    for (const double noise : {0.0, 0.02}) {
      ScalingCurve curve = scaling({1, 2, 4, 8}, Noise(trial, noise), universal);
      auto law = fit_scalability(curve);
      ASSERT_TRUE(law);
      EXPECT_FALSE(law->most_useful_threads.reached());
      expect_within(law->most_useful_threads, 1, 8);
      const std::vector<double> slower = disturbances(curve.seconds.size(), trial);
      for (std::size_t i = 0; i < slower.size(); ++i) curve.seconds[i] *= slower[i];
      law = fit_scalability(curve);
      ASSERT_TRUE(law);
      expect_within(law->most_useful_threads, 1, 8);
    }
  }
}

TEST(ScalabilityOf, AFewWildTimesSaysNothing) {
  // Two numbers of threads, times that differ up to fourfold from turn to turn.
  const auto law = fit_amdahl({{1, 2, 1, 2}, {1.0, 0.5, 4.0, 2.9}});
  ASSERT_TRUE(law);
  EXPECT_FALSE(law->serial_fraction.reached());
}

TEST(WaitingShareOf, DisturbedAndFlatCurvesIsNotMade) {
  int found = 0;
  const std::vector<double> paths = {1, 2, 4, 8, 12, 16, 20, 24, 28, 32};
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    Noise noise(trial, 0.02);
    std::vector<double> disturbed, flat;
    const std::vector<double> slower = disturbances(paths.size(), trial);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      disturbed.push_back(1e-3 * (1 + 0.5 * (paths[i] - 1)) * noise() * slower[i]);
      flat.push_back(1e-3 * noise());
    }
    found += std::abs(fit_waiting_share(paths, disturbed)->value - 0.5) < 0.15;
    EXPECT_NEAR(fit_waiting_share(paths, flat)->value, 0, 0.01);
  }
  EXPECT_GE(found, 90);
  EXPECT_FALSE(fit_waiting_share({1, 2, 4}, {1e-3, 9e-3, 1e-3})->reached());
}

TEST(LevelsOf, ACurveThatRisesAtItsEndHasNoSettledLastOne) {
  std::vector<double> bytes, cost;
  for (double b = 4096; b <= 1 << 22; b *= std::sqrt(2)) {
    bytes.push_back(b);
    cost.push_back(b <= 65536 ? 1e-9 : 1e-9 * b / 65536);
  }
  const auto levels = find_levels(bytes, cost);
  ASSERT_EQ(levels.size(), 2u);
  EXPECT_TRUE(levels[0].settled);
  EXPECT_FALSE(levels[1].settled);
}

}  // namespace
}  // namespace ridgeline::model
