#include "model/launch_cost.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::covers;
using testing::Noise;

constexpr double kA = 3e-6, kB = 40e9;

void make(std::uint64_t seed, double deviation, std::vector<double>& bytes,
          std::vector<double>& seconds, double largest = 1 << 24) {
  Noise noise(seed, deviation);
  bytes.clear(), seconds.clear();
  for (double v = 256; v <= largest; v *= 2) {
    bytes.push_back(v);
    seconds.push_back((kA + v / kB) * noise());
  }
}

TEST(LaunchCost, IsRecovered) {
  std::vector<double> bytes, seconds;
  make(1, 0, bytes, seconds);
  const auto cost = fit_launch_cost(bytes, seconds);
  ASSERT_TRUE(cost);
  EXPECT_NEAR(cost->seconds.value, kA, 1e-9 * kA);
  EXPECT_NEAR(cost->bytes_per_second.value, kB, 1e-6 * kB);
  EXPECT_NEAR(cost->half_rate_bytes.value, kA * kB, 1e-6 * kA * kB);
  // The rate is half of b there, by definition.
  EXPECT_NEAR(kA * kB / cost->at(kA * kB), kB / 2, 1e-6 * kB);
}

TEST(LaunchCost, IntervalsCoverTheTruthInNoise) {
  int a = 0, b = 0, half = 0;
  std::vector<double> bytes, seconds;
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    make(trial, 0.05, bytes, seconds);
    const auto cost = fit_launch_cost(bytes, seconds);
    ASSERT_TRUE(cost);
    a += covers(cost->seconds, kA);
    b += covers(cost->bytes_per_second, kB);
    half += covers(cost->half_rate_bytes, kA * kB);
  }
  EXPECT_GE(a, 90);
  EXPECT_GE(b, 90);
  EXPECT_GE(half, 90);
}

TEST(LaunchCost, OfTimesThatDoNotGrowHasNoRate) {
  const auto cost = fit_launch_cost({1e3, 1e4, 1e5, 1e6}, {3e-6, 3.1e-6, 2.9e-6, 2.9e-6});
  ASSERT_TRUE(cost);
  EXPECT_NEAR(cost->seconds.value, 3e-6, 0.1e-6);
  EXPECT_FALSE(cost->bytes_per_second.reached());
  EXPECT_DOUBLE_EQ(cost->bytes_per_second.low, 1e6 / 2.9e-6);
  EXPECT_TRUE(std::isfinite(cost->fitted_rate));
}

TEST(LaunchCost, NeedsThreePoints) {
  EXPECT_FALSE(fit_launch_cost({1, 2}, {1, 2}));
  EXPECT_FALSE(fit_launch_cost({}, {}));
}

TEST(LaunchCost, StraightPointsEndWhereTheRateFalls) {
  std::vector<double> bytes, seconds;
  make(1, 0.02, bytes, seconds);
  EXPECT_EQ(straight_points(bytes, seconds), bytes.size());
  const std::size_t straight = bytes.size();
  for (double v = 1 << 25; v <= 1 << 28; v *= 2) {
    bytes.push_back(v);
    seconds.push_back(kA + v / (kB / 8));
  }
  EXPECT_EQ(straight_points(bytes, seconds), straight);
}

TEST(LaunchCost, StraightPointsTolerateDisturbedOnes) {
  std::vector<double> bytes, seconds;
  make(1, 0.02, bytes, seconds);
  for (const std::size_t disturbed : {1, 5}) seconds[disturbed] *= 1.7;
  EXPECT_EQ(straight_points(bytes, seconds), bytes.size());
  EXPECT_EQ(straight_points({1, 2, 4, 8}, {1, 9, 1, 9}), 0u);
  EXPECT_EQ(straight_points({1, 2, 4}, {1, 2, 4}), 0u);
}

TEST(LaunchCost, HalfOfTheBestRateIsReachedAboutWhereTheFitSays) {
  std::vector<double> bytes, seconds;
  make(1, 0, bytes, seconds);
  // a·b = 120,000 bytes; the first power of two beyond, since the best rate measured is below b.
  EXPECT_EQ(measured_half_rate(bytes, seconds), 131072);
  EXPECT_EQ(measured_half_rate({}, {}), 0);
}

}  // namespace
}  // namespace ridgeline::model
