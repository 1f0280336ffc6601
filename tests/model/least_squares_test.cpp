#include "model/least_squares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::covers;
using testing::Noise;

// Residuals of a line p0 + p1 x with points (0, 1), (1, 3), (2, 4), (3, 8).
TEST(LeastSquares, GivesALinesTextbookSolution) {
  const double y[] = {1, 3, 4, 8};
  const auto fit = least_squares({0, 0}, 4, [&](const std::vector<double>& p, std::size_t i) {
    return y[i] - p[0] - p[1] * double(i);
  });
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->parameters()[0], 0.7, 1e-8);
  EXPECT_NEAR(fit->parameters()[1], 2.2, 1e-8);
  EXPECT_EQ(fit->degrees_of_freedom(), 2);
  // Sum of squares 1.8, Sxx 5: the slope's standard error is √(0.9 / 5).
  EXPECT_NEAR(fit->residual_deviation(), std::sqrt(0.9), 1e-9);
  const Estimate slope = fit->estimate([](const std::vector<double>& p) { return p[1]; });
  EXPECT_NEAR(slope.high - slope.value, 4.3027 * std::sqrt(0.18), 1e-3);
  EXPECT_NEAR(slope.value - slope.low, slope.high - slope.value, 1e-9);
}

TEST(LeastSquares, FindsANonlinearModelFromFarAway) {
  const auto fit = least_squares({0, 0}, 20, [](const std::vector<double>& p, std::size_t i) {
    return std::exp(p[0]) + std::exp(p[1]) * double(i * i) - 3e4 - 7 * double(i * i);
  });
  ASSERT_TRUE(fit);
  EXPECT_NEAR(std::exp(fit->parameters()[0]), 3e4, 1e-3);
  EXPECT_NEAR(std::exp(fit->parameters()[1]), 7, 1e-6);
}

TEST(LeastSquares, IntervalsOfPositiveQuantitiesStayPositive) {
  const auto fit = least_squares({0}, 3, [](const std::vector<double>& p, std::size_t i) {
    return p[0] - (double(i) - 1) * 3;
  });
  ASSERT_TRUE(fit);
  const Estimate factor =
      fit->positive([](const std::vector<double>& p) { return std::exp(p[0]); });
  EXPECT_GT(factor.low, 0);
  EXPECT_NEAR(factor.low * factor.high, factor.value * factor.value, 1e-9);
}

TEST(LeastSquares, NeedsMorePointsThanParameters) {
  const auto residual = [](const std::vector<double>& p, std::size_t) { return p[0]; };
  EXPECT_FALSE(least_squares({1}, 1, residual));
  EXPECT_FALSE(least_squares({}, 3, residual));
  EXPECT_TRUE(least_squares({1}, 2, residual));
}

TEST(LeastSquares, WhatTheDataDoNotDetermineIsUnbounded) {
  // Only the sum of the parameters matters.
  const auto fit = least_squares({0, 0}, 5, [](const std::vector<double>& p, std::size_t i) {
    return p[0] + p[1] - 1 - 0.01 * double(i % 2);
  });
  ASSERT_TRUE(fit);
  const Estimate one = fit->estimate([](const std::vector<double>& p) { return p[0]; });
  EXPECT_TRUE(std::isinf(one.high) && std::isinf(one.low));
}

TEST(LeastSquares, AParameterAtTheEndOfItsRangeLeavesTheOthersTheirIntervals) {
  // The second parameter is limited to 1, and no residual depends on it there.
  const auto fit = least_squares({0, 5}, 5, [](const std::vector<double>& p, std::size_t i) {
    return p[0] + std::min(p[1], 1.0) - 3 - 0.01 * double(i % 2);
  });
  ASSERT_TRUE(fit);
  const Estimate first = fit->estimate([](const std::vector<double>& p) { return p[0]; });
  EXPECT_NEAR(first.value, 2, 0.01);
  EXPECT_LT(first.high - first.low, 0.05);
  const Estimate second = fit->estimate([](const std::vector<double>& p) { return p[1]; });
  EXPECT_TRUE(std::isinf(second.high));
}

// Returns how many of 400 fits of a constant to eight points in normal noise have an interval that
// contains the true value.
template <class Method>
int covered_of_400(const Method& method) {
  int covered = 0;
  for (std::uint64_t trial = 0; trial < 400; ++trial) {
    Noise noise(trial, 0.05);
    double y[8];
    for (double& value : y) value = 5 * noise();
    const std::optional<Fit> fit = method(
        {0}, 8, [&](const std::vector<double>& p, std::size_t i) { return std::log(y[i]) - p[0]; });
    covered +=
        covers(fit->positive([](const std::vector<double>& p) { return std::exp(p[0]); }), 5);
  }
  return covered;
}

TEST(LeastSquares, IntervalsCoverTheTruthAsOftenAsTheySay) {
  const int covered = covered_of_400(least_squares);
  // 95 % of 400 is 380, with a standard deviation of 4.4.
  EXPECT_GT(covered, 365);
  EXPECT_LT(covered, 395);
}

TEST(RobustLeastSquares, MeetsHubersConditionAndNotTheMean) {
  const double y[] = {0.1, 1.2, -0.9, 0.5, -0.6, 0.2, 100};
  const auto fit = robust_least_squares(
      {0}, 7, [&](const std::vector<double>& p, std::size_t i) { return y[i] - p[0]; });
  ASSERT_TRUE(fit);
  const double centre = fit->parameters()[0];
  std::vector<double> sizes;
  for (const double value : y) sizes.push_back(std::abs(value - centre));
  std::sort(sizes.begin(), sizes.end());
  const double most = 1.345 * kDeviationOfMad * sizes[3] * std::sqrt(7.0 / 6);
  double sum = 0;
  for (const double value : y) sum += std::clamp(value - centre, -most, most);
  EXPECT_NEAR(sum, 0, 1e-6);
  EXPECT_LT(centre, 0.5);
  const Estimate estimate = fit->estimate([](const std::vector<double>& p) { return p[0]; });
  EXPECT_LT(estimate.high, 2);
  EXPECT_EQ(fit->degrees_of_freedom(), 6);
}

TEST(RobustLeastSquares, OfPointsOnTheModelIsTheModel) {
  const auto fit = robust_least_squares({0, 0}, 5, [](const std::vector<double>& p, std::size_t i) {
    return 2 + 3 * double(i) - p[0] - p[1] * double(i);
  });
  ASSERT_TRUE(fit);
  EXPECT_NEAR(fit->parameters()[0], 2, 1e-9);
  EXPECT_NEAR(fit->parameters()[1], 3, 1e-9);
  EXPECT_NEAR(fit->residual_deviation(), 0, 1e-9);
  EXPECT_FALSE(
      robust_least_squares({1}, 1, [](const std::vector<double>& p, std::size_t) { return p[0]; }));
}

TEST(RobustLeastSquares, IntervalsCoverTheTruthInNormalNoise) {
  const int covered = covered_of_400(robust_least_squares);
  EXPECT_GT(covered, 360);
  EXPECT_LT(covered, 395);
}

TEST(MedianEstimate, CoversTheTruthWhateverTheDistribution) {
  for (const int count : {6, 15, 40}) {
    int covered = 0;
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
      testing::Noise noise(trial, 1.0);  // far from symmetric; its median is 1
      std::vector<double> values;
      for (int i = 0; i < count; ++i) values.push_back(noise());
      covered += testing::covers(*median_estimate(values), 1);
    }
    EXPECT_GE(covered, 90) << count;
  }
}

TEST(MedianEstimate, OfSixValuesHasAllOfThemForItsInterval) {
  const auto six = median_estimate({3, 1, 2, 6, 5, 4});
  EXPECT_EQ(six->value, 3.5);
  EXPECT_EQ(six->low, 1);
  EXPECT_EQ(six->high, 6);
  EXPECT_TRUE(std::isinf(median_estimate({1, 2, 3, 4, 5})->high));
  EXPECT_FALSE(median_estimate({}));
}

}  // namespace
}  // namespace ridgeline::model
