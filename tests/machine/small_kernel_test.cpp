#include "machine/small_kernel.hpp"

#include <gtest/gtest.h>

#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

class SmallKernelOnSpaces : public testing::Computing {};

template <class Space>
void check_on(const Space& instance) {
  for (const std::size_t n : {1, 7, 1000, 4099}) {
    SmallKernel<Space> kernel(instance, n);
    EXPECT_FALSE(kernel.verify(n));
    // In parts, it computes the same; elements outside the range do not change.
    kernel.run(0, n / 3);
    kernel.run(n / 3, n - 1);
    EXPECT_TRUE(kernel.verify(n - 1)) << n;
    EXPECT_FALSE(kernel.verify(n)) << n;
    kernel.run(n - 1, n);
    EXPECT_TRUE(kernel.verify(n)) << n;
    kernel.poison();
    EXPECT_FALSE(kernel.verify(1));
  }
}

TEST_F(SmallKernelOnSpaces, ComputesItsRangeAndNoMore) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_on(instance); });
  }
}

}  // namespace
}  // namespace ridgeline::machine
