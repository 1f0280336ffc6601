#include "machine/divergence.hpp"

#include <gtest/gtest.h>

#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

class DivergentWorkOnSpaces : public testing::Computing {};
class ReadAccessOnSpaces : public testing::Computing {};

template <class Space>
void check_paths(const Space& instance) {
  DivergentWork<Space> work(instance, 10007);
  EXPECT_FALSE(work.verify()) << "verified before it ran";
  for (const Arrangement arrangement :
       {Arrangement::sorted, Arrangement::alternating, Arrangement::random}) {
    for (const int paths : {1, 2, 3, 17, 32}) {
      work.prepare(paths, arrangement);
      EXPECT_FALSE(work.verify());
      work.run();
      EXPECT_TRUE(work.verify()) << paths << " " << to_string(arrangement);
      // Other paths have other results: straight is path 0 alone.
      work.run_straight();
      EXPECT_EQ(work.verify(), paths == 1) << paths << " " << to_string(arrangement);
    }
  }
}

TEST_F(DivergentWorkOnSpaces, EveryPathComputesItsOwn) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_paths(instance); });
  }
}

template <class Space>
void check_access(const Space& instance) {
  ReadAccess<Space> reads(instance, 100003);
  for (const Access access : {Access::regular, Access::gathered, Access::dependent}) {
    reads.run(access);
    EXPECT_TRUE(reads.verify(access)) << to_string(access);
    reads.run(access);
    EXPECT_TRUE(reads.verify(access)) << to_string(access) << " again";
  }
  EXPECT_EQ(reads.reads(Access::gathered), 100003u);
  EXPECT_EQ(reads.reads(Access::dependent) % std::size_t(reads.chains()), 0u);
}

TEST_F(ReadAccessOnSpaces, ReadsWhatItSays) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_access(instance); });
  }
}

}  // namespace
}  // namespace ridgeline::machine
