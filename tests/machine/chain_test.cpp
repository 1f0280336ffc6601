#include "machine/chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "machine/numa.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::Runtime;
using ridgeline::SpaceKind;
using ridgeline::machine::ChainPoint;
using ridgeline::machine::StreamKernel;

class ChainLadder : public ridgeline::testing::Computing {};

TEST_F(ChainLadder, HasEveryKernelArenaAndHandOffThatFits) {
  ridgeline::machine::ChainOptions options;
  options.smallest_arena = 64 << 10;
  options.largest_arena = 256 << 10;
  options.smallest = 16 << 10;
  options.largest = 64 << 10;
  options.repeats = 2;
  options.min_seconds = 0;
  const std::vector<SpaceKind> built = ridgeline::built_spaces();
  for (const SpaceKind space : {SpaceKind::serial, SpaceKind::openmp}) {
    if (std::find(built.begin(), built.end(), space) == built.end()) continue;
    const bool several = space == SpaceKind::openmp && Runtime::host_threads().count > 1;
    const auto points = chain_ladder(space, options);
    // 64 KiB: passes of 16 KiB; 256 KiB: of 16 and 64.
    ASSERT_EQ(points.size(), several ? 15u : 9u);
    for (const ChainPoint& point : points) {
      EXPECT_EQ(point.threads, several ? Runtime::host_threads().count : 1);
      EXPECT_LE(2 * point.bytes, point.arena_bytes + 1024);
      EXPECT_GT(point.seconds.min, 0);
      EXPECT_FALSE(point.from_other && point.kernel == StreamKernel::read);
    }
    const auto handed_on =
        std::count_if(points.begin(), points.end(), [](const auto& p) { return p.from_other; });
    EXPECT_EQ(handed_on, several ? 6 : 0);
  }
}

TEST_F(ChainLadder, EndsWhenItIsStopped) {
  ridgeline::machine::ChainOptions options;
  options.min_seconds = 0;
  int asked = 0;
  options.stopped = [&] { return ++asked > 2; };
  EXPECT_EQ(chain_ladder(SpaceKind::serial, options).size(), 2u);
}

class NumaBandwidth : public ridgeline::testing::Computing {};

TEST_F(NumaBandwidth, OneDomainHasNothingToCompare) {
  const int domains = Runtime::host_threads().numa_domains;
  if (domains > 1) GTEST_SKIP() << "a machine of several domains";
  EXPECT_TRUE(ridgeline::machine::numa_bandwidth(1 << 16, {}).empty());
}

}  // namespace
