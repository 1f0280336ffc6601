#include "core/cuda/recorded_launches.hpp"

#include <gtest/gtest.h>

#include "machine/small_kernel.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

class RecordedLaunchesOnSpaces : public testing::Computing {};

template <class Space>
void check_on() {
  const OwnQueue<Space> queue;
  const Space& instance = queue.instance();
  SmallKernel<Space> kernel(instance, 1000);
  const auto two = [&] {
    kernel.run(0, 400);
    kernel.run(400, 1000);
  };
  const auto recorded = RecordedLaunches<Space>::record(instance, two);
  if (kIsHost<Space>) {
    EXPECT_FALSE(recorded) << "a host has no graphs";
    return;
  }
  ASSERT_TRUE(recorded);
  for (int launch = 0; launch < 2; ++launch) {
    kernel.poison();
    EXPECT_FALSE(kernel.verify(1)) << "recording computed, or poison does not";
    recorded->launch();
    instance.fence();
    EXPECT_TRUE(kernel.verify(1000));
  }
  // Kernels that synchronise with the host cannot be recorded; the queue still works.
  EXPECT_FALSE(RecordedLaunches<Space>::record(instance, [&] {
    kernel.run(0, 1);
    throw RunError("cannot be recorded");
  }));
  kernel.poison();
  two();
  EXPECT_TRUE(kernel.verify(1000));
}

TEST_F(RecordedLaunchesOnSpaces, ComputeTheSameAgain) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_on<std::decay_t<decltype(instance)>>(); });
  }
}

}  // namespace
}  // namespace ridgeline::machine
