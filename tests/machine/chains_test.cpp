#include "machine/chains.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "machine/cycle.hpp"
#include "machine/host_chains.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

class ChainedLoadsOnSpaces : public testing::Computing {};

TEST(HostChains, FollowEveryChainByItself) {
  // 997 nodes in one cycle, 128 B apart.
  const std::vector<std::uint32_t> next = random_cycle(997, 7);
  std::vector<void*> nodes(997 * 16);
  for (std::size_t i = 0; i < next.size(); ++i) nodes[16 * i] = &nodes[16 * next[i]];
  for (int chains = 1; chains <= host::kMostChains; ++chains) {
    std::vector<void*> at(std::size_t(chains) + 1, nullptr);
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < std::size_t(chains); ++i) {
      at[i] = &nodes[16 * (31 * i)];
      std::size_t place = 31 * i;
      for (int step = 0; step < 1234; ++step) place = next[place];
      expected.push_back(place);
    }
    host::chase_chains(at.data(), chains, 1234);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(at[i], &nodes[16 * expected[i]]) << chains;
    }
    EXPECT_EQ(at.back(), nullptr);
  }
}

template <class Space>
void check_on(const Space& instance) {
  const bool host = kIsHost<Space>;
  for (const int threads :
       host ? std::vector<int>{1, int(instance.concurrency())} : std::vector<int>{1, 100}) {
    ChainedLoads<Space> loads(instance, std::size_t{1} << 20, threads, Pages::small);
    for (const int chains : host ? std::vector<int>{1, 3, 32} : std::vector<int>{1, 2, 4, 8}) {
      loads.prepare(threads, chains);
      EXPECT_TRUE(loads.verify());
      loads.run(100);
      loads.run(57);
      EXPECT_TRUE(loads.verify()) << threads << " threads, " << chains << " chains";
      EXPECT_EQ(loads.loads(10), 10.0 * threads * chains);
    }
    EXPECT_FALSE(loads.verify_independent()) << "verified before it ran";
    loads.run_independent();
    EXPECT_TRUE(loads.verify_independent()) << threads;
    EXPECT_GT(loads.independent_loads(), 8000);
  }
}

TEST_F(ChainedLoadsOnSpaces, ContinueWhereTheyEnded) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_on(instance); });
  }
}

}  // namespace
}  // namespace ridgeline::machine
