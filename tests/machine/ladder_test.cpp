#include <gtest/gtest.h>

#include "machine/plateaus.hpp"
#include "machine/probe.hpp"

namespace {

using ridgeline::Timing;
using ridgeline::machine::BandwidthPoint;
using ridgeline::machine::Cache;
using ridgeline::machine::LadderOrder;
using ridgeline::machine::LatencyPoint;
using ridgeline::machine::Level;
using ridgeline::machine::StreamKernel;
using ridgeline::machine::working_sets;

constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;

std::vector<std::size_t> order_of(LadderOrder order) {
  std::vector<std::size_t> indices;
  while (const auto index = order.next()) indices.push_back(*index);
  return indices;
}

TEST(WorkingSets, GrowByTheirPartOfAnOctaveUpToTheLargest) {
  EXPECT_EQ(working_sets(1024, 4096, 1, 128), (std::vector<std::size_t>{1024, 2048, 4096}));
  EXPECT_EQ(working_sets(1024, 2048, 2, 128), (std::vector<std::size_t>{1024, 1408, 2048}));
  EXPECT_EQ(working_sets(1024, 3072, 1, 128), (std::vector<std::size_t>{1024, 2048, 3072}));
  EXPECT_EQ(working_sets(1024, 1024, 4, 128), (std::vector<std::size_t>{1024}));
  EXPECT_EQ(working_sets(1, 1, 4, 128), (std::vector<std::size_t>{128}));
}

TEST(LadderOrder, MeasuresEveryPointOnceTheLargestFirst) {
  const auto sets = working_sets(1024, 64 * 1024, 4, 1);
  auto order = order_of(LadderOrder(sets, 4, 0, 1e9));
  EXPECT_EQ(order.front(), sets.size() - 1);
  EXPECT_EQ(order[1], 0u);
  EXPECT_EQ(order[2], 4u);
  std::sort(order.begin(), order.end());
  ASSERT_EQ(order.size(), sets.size());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
}

TEST(LadderOrder, WithoutTimeKeepsTheLargestAndOctavesInCache) {
  const auto sets = working_sets(1024, 16 * 1024, 2, 1);  // nine, octaves at even indices
  LadderOrder order(sets, 2, 4096, 0);
  std::vector<std::size_t> indices;
  while (const auto index = order.next()) indices.push_back(*index);
  EXPECT_EQ(indices, (std::vector<std::size_t>{8, 0, 2, 4}));
  EXPECT_EQ(order.left_out(), 5u);
}

TEST(LadderOrder, EndsWhereItIsStopped) {
  const auto sets = working_sets(1024, 64 * 1024, 4, 1);
  int asked = 0;
  LadderOrder order(sets, 4, 0, 1e9, [&] { return ++asked > 3; });
  EXPECT_EQ(order_of(order).size(), 3u);
}

LatencyPoint latency(std::size_t bytes, double nanoseconds, const char* pages = "4KiB") {
  LatencyPoint point;
  point.working_set_bytes = bytes;
  point.pages = pages;
  point.seconds = Timing{nanoseconds * 1e-9, 0, 0, 7, 0, 0, {}};
  return point;
}

// 32 KiB, 1 MiB and 32 MiB, of which other tenants leave 4 MiB.
const std::vector<Cache> kCaches = {{1, 32 * kKiB, 1}, {2, kMiB, 1}, {3, 32 * kMiB, 4}};

std::vector<LatencyPoint> ladder() {
  std::vector<LatencyPoint> points;
  for (std::size_t bytes = 16 * kKiB; bytes <= 512 * kMiB; bytes *= 2) {
    const double nanoseconds = bytes <= 32 * kKiB  ? 1
                               : bytes <= kMiB     ? 4
                               : bytes <= 4 * kMiB ? 15
                                                   : 100;
    points.push_back(latency(bytes, nanoseconds));
    points.push_back(latency(bytes, nanoseconds / 2, "huge"));
  }
  return points;
}

TEST(Plateaus, EachLevelHasItsLatencyByKindOfPages) {
  const auto levels = ridgeline::machine::memory_levels(kCaches, 512 * kMiB);
  ASSERT_EQ(levels.size(), 4u);
  const double expected[] = {1e-9, 4e-9, 15e-9, 100e-9};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(latency_plateau(ladder(), "4KiB", levels[i]).seconds, expected[i], 1e-15);
    EXPECT_NEAR(latency_plateau(ladder(), "huge", levels[i]).seconds, expected[i] / 2, 1e-15);
  }
  EXPECT_EQ(levels[3].name, "DRAM");
  EXPECT_EQ(levels[3].from_bytes, 128 * kMiB);
}

TEST(Plateaus, ASharedCacheIsSeenAsFarAsItIsAvailable) {
  const auto levels = ridgeline::machine::memory_levels(kCaches, 512 * kMiB);
  EXPECT_EQ(latency_plateau(ladder(), "4KiB", levels[0]).seen_bytes, 32 * kKiB);
  EXPECT_EQ(latency_plateau(ladder(), "4KiB", levels[1]).seen_bytes, kMiB);
  EXPECT_EQ(latency_plateau(ladder(), "4KiB", levels[2]).seen_bytes, 4 * kMiB);
}

TEST(Plateaus, WithoutPointsThereIsNoPlateau) {
  const auto levels = ridgeline::machine::memory_levels(kCaches, 512 * kMiB);
  EXPECT_EQ(ridgeline::machine::latency_plateau({}, "4KiB", levels[0]).seconds, 0);
  EXPECT_EQ(ridgeline::machine::level_bandwidth({}, StreamKernel::read, levels[0]), 0);
}

TEST(Plateaus, PrivateCachesAddUpOverThreads) {
  const auto levels = ridgeline::machine::memory_levels(kCaches, 512 * kMiB);
  BandwidthPoint point;
  point.working_set_bytes = 40 * kKiB;  // does not fit in one first cache, but in two
  point.seconds.min = 40.0 * kKiB / 100e9;
  point.threads = 1;
  EXPECT_EQ(level_bandwidth({point}, StreamKernel::read, levels[0]), 0);
  point.threads = 2;
  EXPECT_NEAR(level_bandwidth({point}, StreamKernel::read, levels[0]), 100, 1e-9);
  EXPECT_EQ(level_bandwidth({point}, StreamKernel::copy, levels[0]), 0);
  // All four share the last cache.
  point.working_set_bytes = 20 * kMiB;
  EXPECT_EQ(level_bandwidth({point}, StreamKernel::read, levels[2]), 0);
}

TEST(ReadableBytes, ShowsSizesInBinaryUnits) {
  using ridgeline::machine::readable_bytes;
  EXPECT_EQ(readable_bytes(512), "512 B");
  EXPECT_EQ(readable_bytes(32 * 1024), "32 KiB");
  EXPECT_EQ(readable_bytes(1024 * 1024), "1 MiB");
  EXPECT_EQ(readable_bytes(1.5 * 1024 * 1024), "1.5 MiB");
  EXPECT_EQ(readable_bytes(1023.9 * 1024), "1.0 MiB");
}

}  // namespace
