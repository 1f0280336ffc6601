#include "model/levels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "support/noise.hpp"

namespace ridgeline::model {
namespace {

using testing::Noise;

struct Curve {
  std::vector<double> bytes, cost;
};

// Three caches and memory: latency and capacity.
constexpr double kCapacity[] = {48 * 1024.0, 2 * 1048576.0, 32 * 1048576.0};
constexpr double kCost[] = {1.2, 4.5, 20, 100};

// `missing(set / capacity)` is the part of the loads that miss.
Curve curve_with(const std::function<double(double)>& missing, int per_octave, Noise noise) {
  Curve curve;
  for (double x = 12; x < 30.001; x += 1.0 / per_octave) {
    const double bytes = std::exp2(x);
    double cost = kCost[0];
    for (int i = 0; i < 3; ++i) cost += (kCost[i + 1] - kCost[i]) * missing(bytes / kCapacity[i]);
    curve.bytes.push_back(bytes);
    curve.cost.push_back(cost * noise());
  }
  return curve;
}

// A cache with LRU replacement misses every load as soon as the set does not fit; one with random
// replacement keeps as many lines as it holds; real ones are between.
double oldest(double sets) { return sets > 1 ? 1 : 0; }
double random(double sets) { return sets > 1 ? 1 - 1 / sets : 0; }
double between(double sets) { return std::min(1.0, std::max(0.0, sets - 1)); }

// Returns whether every capacity is within one point of the sweep, and there are no other levels.
bool finds_capacities(const Curve& curve, int per_octave) {
  const std::vector<CurveLevel> levels = find_levels(curve.bytes, curve.cost);
  if (levels.size() != 4 || !std::isinf(levels[3].capacity_bytes.value)) return false;
  for (int i = 0; i < 3; ++i) {
    const double found = levels[std::size_t(i)].capacity_bytes.value;
    if (std::abs(std::log2(found / kCapacity[i])) * per_octave > 1.001) return false;
  }
  return true;
}

TEST(Levels, AreFoundExactlyWithoutNoise) {
  for (const int per_octave : {4, 8}) {
    for (const auto& missing : {oldest, random, between}) {
      EXPECT_TRUE(finds_capacities(curve_with(missing, per_octave, Noise(1, 0)), per_octave))
          << per_octave;
    }
  }
  const Curve curve = curve_with(oldest, 8, Noise(1, 0));
  const auto levels = find_levels(curve.bytes, curve.cost);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(levels[i].cost.value, kCost[i], 1e-6);
  // The interval ends where the next point already misses.
  EXPECT_LE(levels[0].capacity_bytes.low, kCapacity[0]);
  EXPECT_GE(levels[0].capacity_bytes.high, kCapacity[0]);
}

TEST(Levels, AreFoundWithinOnePointInNoise) {
  for (const auto& missing : {oldest, random, between}) {
    int found = 0;
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
      found += finds_capacities(curve_with(missing, 8, Noise(trial, 0.015)), 8);
    }
    EXPECT_GE(found, 90);
  }
}

TEST(Levels, AreNotChangedByDisturbedPoints) {
  // Every seventh point was measured with a slower clock.
  for (const auto& missing : {oldest, random, between}) {
    Curve curve = curve_with(missing, 8, Noise(1, 0.005));
    for (std::size_t i = 3; i < curve.cost.size() - 8; i += 7) curve.cost[i] *= 1.22;
    EXPECT_TRUE(finds_capacities(curve, 8));
    const auto levels = find_levels(curve.bytes, curve.cost);
    EXPECT_NEAR(levels[0].cost.value, kCost[0], 0.02);
  }
}

TEST(Levels, CostsCoverTheTruthInNoise) {
  int covered[4] = {};
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    const Curve curve = curve_with(oldest, 8, Noise(trial, 0.03));
    const auto levels = find_levels(curve.bytes, curve.cost);
    for (std::size_t i = 0; i < std::min<std::size_t>(4, levels.size()); ++i) {
      covered[i] += testing::covers(levels[i].cost, kCost[i]);
    }
  }
  for (const int count : covered) EXPECT_GE(count, 90);
}

// A streaming kernel has a start-up cost: a small set costs more per byte, but is not a separate
// level, and does not increase the cost of its level.
TEST(Levels, ExcludeTheStartUpCost) {
  const Curve plain = curve_with(oldest, 8, Noise(1, 0));
  Curve curve = plain;
  // Three times the first level's cost at 4 KiB.
  for (std::size_t i = 0; i < curve.bytes.size(); ++i) {
    curve.cost[i] += 2 * kCost[0] * 4096 / curve.bytes[i];
  }
  EXPECT_TRUE(finds_capacities(curve, 8));
  const auto levels = find_levels(curve.bytes, curve.cost);
  EXPECT_NEAR(levels.at(0).cost.value, kCost[0], 0.3 * kCost[0]);
  EXPECT_GT(levels.at(0).from_bytes, 16384);
  EXPECT_NEAR(levels.at(1).cost.value, kCost[1], 0.02 * kCost[1]);
}

TEST(Levels, OfAFlatCurveAreOne) {
  Curve curve;
  Noise noise(3, 0.02);
  for (double bytes = 4096; bytes < 1e9; bytes *= 1.3) {
    curve.bytes.push_back(bytes);
    curve.cost.push_back(5 * noise());
  }
  const auto levels = find_levels(curve.bytes, curve.cost);
  ASSERT_EQ(levels.size(), 1u);
  EXPECT_TRUE(testing::covers(levels[0].cost, 5));
}

TEST(Levels, EndWithTheLastPointWhereTheCurveStillRises) {
  Curve curve = curve_with(oldest, 4, Noise(1, 0));
  // Ends after the third capacity, where a slow rise begins.
  while (curve.bytes.back() > kCapacity[2]) curve.bytes.pop_back(), curve.cost.pop_back();
  for (int i = 1; i <= 6; ++i) {
    curve.bytes.push_back(kCapacity[2] * std::exp2(i / 4.0));
    curve.cost.push_back(20 * std::exp2(i / 2.0));
  }
  const auto levels = find_levels(curve.bytes, curve.cost);
  ASSERT_EQ(levels.size(), 4u);
  EXPECT_EQ(levels[3].first, curve.bytes.size() - 1);
  EXPECT_NEAR(levels[3].cost.value, 160, 1e-6);
}

TEST(Levels, NeedFourPoints) {
  EXPECT_TRUE(find_levels({1, 2, 4}, {1, 1, 1}).empty());
  EXPECT_TRUE(find_levels({}, {}).empty());
}

}  // namespace
}  // namespace ridgeline::model
