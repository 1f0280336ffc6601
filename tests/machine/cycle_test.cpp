#include "machine/cycle.hpp"

#include <gtest/gtest.h>

#include "machine/host_chase.hpp"
#include "machine/latency.hpp"
#include "machine/pages.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::machine::kNodeStride;

class LatencyLadder : public ridgeline::testing::Computing {};

TEST(RandomCycle, GoesThroughEveryNodeOnceAndReturns) {
  for (const std::size_t nodes : {1u, 2u, 3u, 7u, 128u, 1000u, 4099u}) {
    const auto next = ridgeline::machine::random_cycle(nodes, 1);
    ASSERT_EQ(next.size(), nodes);
    std::vector<bool> seen(nodes, false);
    std::size_t at = 0;
    for (std::size_t step = 0; step < nodes; ++step) {
      ASSERT_LT(at, nodes);
      EXPECT_FALSE(seen[at]) << "node " << at << " of " << nodes << " again after " << step;
      seen[at] = true;
      at = next[at];
    }
    EXPECT_EQ(at, 0u) << nodes;
  }
}

TEST(RandomCycle, DependsOnTheSeedAlone) {
  EXPECT_EQ(ridgeline::machine::random_cycle(1000, 3), ridgeline::machine::random_cycle(1000, 3));
  EXPECT_NE(ridgeline::machine::random_cycle(1000, 3), ridgeline::machine::random_cycle(1000, 4));
}

TEST(RandomCycle, LeavesNoPatternForAPrefetcher) {
  // Of a thousand distances between consecutive nodes few are equal.
  const auto next = ridgeline::machine::random_cycle(1000, 1);
  int same = 0;
  for (std::size_t i = 0; i + 1 < next.size(); ++i) same += next[i + 1] == next[i] + 1;
  EXPECT_LT(same, 20);
}

TEST(Chase, FollowsExactlyAsManyPointersAsAsked) {
  constexpr std::size_t kNodes = 13;
  const ridgeline::machine::PageBuffer buffer(kNodes * kNodeStride,
                                              ridgeline::machine::Pages::small);
  char* base = static_cast<char*>(buffer.data());
  const auto next = ridgeline::machine::random_cycle(kNodes, 1);
  for (std::size_t i = 0; i < kNodes; ++i) {
    *reinterpret_cast<void**>(base + i * kNodeStride) = base + next[i] * kNodeStride;
  }
  std::size_t expected = 0;
  for (long loads = 0; loads <= 40; ++loads) {
    EXPECT_EQ(ridgeline::machine::host::chase(base, loads), base + expected * kNodeStride) << loads;
    expected = next[expected];
  }
}

TEST(PageBuffer, SmallPagesAreSmallAndMemoryIsAligned) {
  const ridgeline::machine::PageBuffer buffer(3u << 20, ridgeline::machine::Pages::small);
  buffer.touch();
  EXPECT_EQ(buffer.huge_bytes(), 0u);
  EXPECT_GE(buffer.bytes(), 3u << 20);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (2u << 20), 0u);
}

TEST_F(LatencyLadder, VisitsEverySetAndLoadsTheWholeCycle) {
  ridgeline::machine::LatencyOptions options;
  options.smallest = 16 << 10;
  options.largest = 64 << 10;
  options.per_octave = 2;
  options.loads = 100;
  options.min_seconds = 0;
  const auto points = ridgeline::machine::latency_ladder(ridgeline::SpaceKind::serial, options);
  ASSERT_GE(points.size(), 5u);  // and five more if there are huge pages
  EXPECT_EQ(points[0].working_set_bytes, 16u << 10);
  EXPECT_EQ(points[4].working_set_bytes, 64u << 10);
  for (const auto& point : points) {
    EXPECT_GE(point.seconds.repeats, 7);
    EXPECT_GE(point.loads_per_repeat * 7, long(point.working_set_bytes / kNodeStride));
    EXPECT_GT(point.seconds.min, 0);
    EXPECT_EQ(point.working_set_bytes % kNodeStride, 0u);
  }
}

}  // namespace
