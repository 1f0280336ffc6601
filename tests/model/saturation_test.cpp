#include "model/saturation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::covers;
using testing::Noise;

constexpr double kLatency = 100e-9, kMost = 20e9, kLine = 64;
constexpr double kKnee = kLatency * kMost / kLine;  // 31 loads

void make(double sharpness, std::uint64_t seed, double deviation, std::vector<double>& loads,
          std::vector<double>& rates) {
  Noise noise(seed, deviation);
  loads.clear(), rates.clear();
  for (double n = 1; n <= 512; n *= std::sqrt(2)) {
    const double rising = n * kLine / kLatency;
    loads.push_back(n);
    rates.push_back(
        std::pow(std::pow(rising, -sharpness) + std::pow(kMost, -sharpness), -1 / sharpness) *
        noise());
  }
}

TEST(Saturation, IsRecoveredWithItsKnee) {
  std::vector<double> loads, rates;
  for (const double sharpness : {1.5, 4.0}) {
    make(sharpness, 1, 0, loads, rates);
    const auto fit = fit_saturation(loads, rates, kLine);
    ASSERT_TRUE(fit);
    EXPECT_NEAR(fit->latency_seconds.value, kLatency, 1e-3 * kLatency);
    EXPECT_NEAR(fit->bytes_per_second.value, kMost, 1e-3 * kMost);
    EXPECT_NEAR(fit->loads_in_flight.value, kKnee, 1e-3 * kKnee);
    EXPECT_NEAR(fit->sharpness, sharpness, 1e-2 * sharpness);
    EXPECT_NEAR(fit->at(loads[3], kLine), rates[3], 1e-3 * rates[3]);
  }
}

TEST(Saturation, OfACornerHasItsPlace) {
  std::vector<double> loads, rates;
  for (double n = 1; n <= 512; n *= 2) {
    loads.push_back(n);
    rates.push_back(std::min(n * kLine / kLatency, kMost));
  }
  const auto fit = fit_saturation(loads, rates, kLine);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->loads_in_flight.value, kKnee, 0.02 * kKnee);
  EXPECT_LT(fit->loads_in_flight.high, 1.1 * fit->loads_in_flight.low);
}

TEST(Saturation, IntervalsCoverTheTruthInNoise) {
  int latency = 0, most = 0, knee = 0;
  std::vector<double> loads, rates;
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    make(3, trial, 0.03, loads, rates);
    const auto fit = fit_saturation(loads, rates, kLine);
    ASSERT_TRUE(fit);
    latency += covers(fit->latency_seconds, kLatency);
    most += covers(fit->bytes_per_second, kMost);
    knee += covers(fit->loads_in_flight, kKnee);
  }
  EXPECT_GE(latency, 90);
  EXPECT_GE(most, 90);
  EXPECT_GE(knee, 90);
}

TEST(Saturation, ThatDoesNotComeIsNotReached) {
  std::vector<double> loads, rates;
  for (double n = 1; n <= 64; n *= 2) {
    loads.push_back(n);
    rates.push_back(n * kLine / kLatency * (n == 4 ? 1.01 : 1));
  }
  const auto fit = fit_saturation(loads, rates, kLine);
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->latency_seconds.value, kLatency, 0.02 * kLatency);
  EXPECT_FALSE(fit->loads_in_flight.reached());
  EXPECT_EQ(fit->loads_in_flight.low, 64);
  EXPECT_TRUE(std::isinf(fit->loads_in_flight.high));
}

TEST(Saturation, DoesNotDependOnTheOrderOfItsPoints) {
  std::vector<double> loads, rates;
  make(3, 1, 0.02, loads, rates);
  const auto forward = fit_saturation(loads, rates, kLine);
  std::reverse(loads.begin(), loads.end());
  std::reverse(rates.begin(), rates.end());
  const auto backward = fit_saturation(loads, rates, kLine);
  EXPECT_DOUBLE_EQ(forward->loads_in_flight.value, backward->loads_in_flight.value);
}

TEST(Saturation, NeedsFourPoints) { EXPECT_FALSE(fit_saturation({1, 2, 4}, {1, 2, 3}, kLine)); }

}  // namespace
}  // namespace ridgeline::model
