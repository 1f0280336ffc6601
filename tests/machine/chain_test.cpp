#include "machine/chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "machine/numa.hpp"
#include "machine/space_memory.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::Runtime;
using ridgeline::SpaceKind;
using ridgeline::machine::all_cache_bytes;
using ridgeline::machine::bounded_arenas;
using ridgeline::machine::cache_bytes_of_threads;
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

TEST_F(ChainLadder, HasOneArenaBeyondTheCachesIfItIsLargerAndMay) {
  ridgeline::machine::ChainOptions options;
  options.smallest_arena = options.largest_arena = 64 << 10;
  options.smallest = options.largest = 32 << 10;
  options.repeats = 1;
  options.min_seconds = 0;
  const std::size_t beyond = 2 * cache_bytes_of_threads(SpaceKind::serial, 1);
  if (beyond <= options.largest_arena) GTEST_SKIP() << "caches of less than 32 KiB";
  options.largest_beyond_caches = beyond;
  const auto points = chain_ladder(SpaceKind::serial, options);
  ASSERT_EQ(points.size(), 6u);  // three kernels each
  EXPECT_EQ(points.front().arena_bytes, options.largest_arena);
  EXPECT_EQ(points.back().arena_bytes, beyond);
  options.largest_beyond_caches = beyond - 1;
  EXPECT_EQ(chain_ladder(SpaceKind::serial, options).size(), 3u);
}

TEST_F(ChainLadder, HasNoArenaLargerThanItsShareOfMemoryAndANoteSaysSo) {
  ridgeline::machine::ChainOptions options;
  options.largest_beyond_caches = 1 << 30;
  std::vector<std::string> notes;
  const auto unbounded = bounded_arenas(options, std::size_t{1} << 30, notes);
  EXPECT_EQ(unbounded.largest_arena, options.largest_arena);
  EXPECT_TRUE(notes.empty());
  const auto bounded = bounded_arenas(options, 8 << 20, notes);
  EXPECT_EQ(bounded.largest_arena, 8u << 20);
  EXPECT_EQ(bounded.largest_beyond_caches, 8u << 20);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0], "chains: no arena is larger than 8 MiB, a quarter of the free memory");
}

TEST_F(ChainLadder, CachesOfThreadsAreAtMostThoseOfAll) {
  const int all = Runtime::host_threads().count;
  const std::size_t one = cache_bytes_of_threads(SpaceKind::serial, 1);
  EXPECT_GT(one, 0u);
  EXPECT_LE(one, all_cache_bytes(SpaceKind::serial));
  EXPECT_EQ(cache_bytes_of_threads(SpaceKind::serial, all), all_cache_bytes(SpaceKind::serial));
}

class NumaBandwidth : public ridgeline::testing::Computing {};

TEST_F(NumaBandwidth, OneDomainHasNothingToCompare) {
  const int domains = Runtime::host_threads().numa_domains;
  if (domains > 1) GTEST_SKIP() << "a machine of several domains";
  EXPECT_TRUE(ridgeline::machine::numa_bandwidth(1 << 16, {}).empty());
}

}  // namespace
