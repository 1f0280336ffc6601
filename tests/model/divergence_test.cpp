#include "model/divergence.hpp"

#include <gtest/gtest.h>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

TEST(ExpectedPaths, AreAllOfFewAndOneOfANeighbourAlone) {
  EXPECT_DOUBLE_EQ(expected_paths(1, 32), 1);
  EXPECT_DOUBLE_EQ(expected_paths(32, 1), 1);
  EXPECT_DOUBLE_EQ(expected_paths(2, 2), 1.5);  // same, same, different, different
  EXPECT_NEAR(expected_paths(32, 32), 20.41, 0.01);
  EXPECT_NEAR(expected_paths(2, 32), 2, 1e-9);
}

TEST(WaitingShare, CoversTheTruthInNinetyOfAHundredNoisyTrials) {
  const std::vector<double> paths = {1, 2, 4, 8, 16, 32};
  for (const double truth : {0.0, 0.05, 1.0}) {
    int covered = 0;
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
      testing::Noise noise(trial, 0.05);
      std::vector<double> seconds;
      for (const double met : paths) seconds.push_back(3e-3 * (1 + truth * (met - 1)) * noise());
      const auto share = fit_waiting_share(paths, seconds);
      ASSERT_TRUE(share);
      covered += testing::covers(*share, truth);
    }
    EXPECT_GE(covered, 90) << truth;
  }
}

TEST(WaitingShare, NeedsThreePoints) {
  EXPECT_FALSE(fit_waiting_share({}, {}));
  EXPECT_FALSE(fit_waiting_share({1, 2}, {1, 2}));
}

}  // namespace
}  // namespace ridgeline::model
