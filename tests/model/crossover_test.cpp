#include "model/crossover.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::covers;
using testing::Noise;
using Kind = Crossover::Kind;

std::vector<SizePoint> points_of(const std::vector<double>& ratios) {
  std::vector<SizePoint> points;
  double size = 1;
  for (const double ratio : ratios) {
    points.push_back({size, {ratio, ratio, ratio}});
    size *= 2;
  }
  return points;
}

TEST(Crossover, IsTheSizeFromWhichTheSecondWinsEverywhere) {
  const Crossover crossover = find_crossover(points_of({0.3, 0.8, 1.2, 2, 3}));
  EXPECT_EQ(crossover.kind, Kind::from);
  EXPECT_EQ(crossover.size.value, 4);
  EXPECT_EQ(crossover.size.low, 4);
  EXPECT_EQ(crossover.size.high, 4);
  EXPECT_EQ(to_string(crossover.kind), "from");
}

TEST(Crossover, DoesNotCountAWinThatIsLostAgain) {
  // GPU-BLOB: at every larger size.
  EXPECT_EQ(find_crossover(points_of({0.3, 1.5, 1.2, 0.9, 3})).size.value, 16);
}

TEST(Crossover, MayBeEverywhereOrNowhere) {
  const Crossover always = find_crossover(points_of({1.1, 2, 3}));
  EXPECT_EQ(always.kind, Kind::always);
  EXPECT_EQ(always.size.value, 1);
  const Crossover never = find_crossover(points_of({2, 1.5, 0.9}));
  EXPECT_EQ(never.kind, Kind::never);
  EXPECT_FALSE(never.size.reached());
  EXPECT_EQ(never.size.low, 4);
  EXPECT_EQ(to_string(never.kind), "never");
  EXPECT_EQ(to_string(always.kind), "always");
  EXPECT_EQ(find_crossover({}).kind, Kind::never);
  // Equal times are not faster.
  EXPECT_EQ(find_crossover(points_of({1, 1.01})).kind, Kind::never);
}

TEST(Crossover, IntervalCoversTheTruthInNoise) {
  // The ratio grows as size / 100: the second wins from 128 on.
  int covered = 0, wide = 0;
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    Noise noise(trial, 0.3);
    std::vector<SizePoint> points;
    for (double size = 1; size <= 4096; size *= 2) {
      points.push_back({size, {}});
      for (int turn = 0; turn < 9; ++turn) points.back().ratios.push_back(size / 100 * noise());
    }
    const Crossover crossover = find_crossover(points, 500, trial);
    covered += covers(crossover.size, 128);
    wide += crossover.size.high > 256 || crossover.size.low < 64;
  }
  EXPECT_GE(covered, 90);
  EXPECT_LE(wide, 5);
}

TEST(Crossover, IsTheSameForTheSameSeed) {
  Noise noise(1, 0.5);
  std::vector<SizePoint> points;
  for (double size = 1; size <= 64; size *= 2) {
    points.push_back({size, {size / 8 * noise(), size / 8 * noise(), size / 8 * noise()}});
  }
  const Crossover a = find_crossover(points, 200, 5), b = find_crossover(points, 200, 5);
  EXPECT_EQ(a.size.low, b.size.low);
  EXPECT_EQ(a.size.high, b.size.high);
}

TEST(Advantage, OfBytesIsRecovered) {
  int slope = 0, even = 0;
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    Noise noise(trial, 0.1);
    std::vector<double> bytes, ratios;
    for (double b = 1024; b <= 1 << 26; b *= 2) {
      bytes.push_back(b);
      ratios.push_back(std::pow(b / 65536, 0.25) * noise());
    }
    const auto advantage = fit_advantage(bytes, ratios);
    ASSERT_TRUE(advantage);
    slope += covers(advantage->per_doubling, std::exp2(0.25));
    ASSERT_TRUE(advantage->break_even.reached());
    even += covers(advantage->break_even, 65536);
  }
  EXPECT_GE(slope, 90);
  EXPECT_GE(even, 90);
  EXPECT_FALSE(fit_advantage({1, 4}, {1, 2}));
  EXPECT_FALSE(fit_advantage({}, {}));
  // Bytes that hardly grow determine no slope.
  EXPECT_FALSE(fit_advantage({1.0, 1.1, 1.2, 1.3}, {1, 2, 3, 5}));
  EXPECT_TRUE(fit_advantage({1, 2, 3, 4}, {1, 2, 3, 5}));
}

TEST(Advantage, HasNoBreakEvenWhereNothingGrowsOrBeyondWhatWasMeasured) {
  Noise noise(1, 0.1);
  std::vector<double> bytes, level, far;
  for (double b = 1024; b <= 1 << 20; b *= 2) {
    bytes.push_back(b);
    level.push_back(1.5 * noise());
    far.push_back(std::pow(b / (1 << 24), 0.25) * noise());
  }
  EXPECT_FALSE(fit_advantage(bytes, level)->break_even.reached());
  EXPECT_FALSE(fit_advantage(bytes, far)->break_even.reached());
}

}  // namespace
}  // namespace ridgeline::model
