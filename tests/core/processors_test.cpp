#include "core/processors.hpp"

#include <gtest/gtest.h>

namespace ridgeline {
namespace {

TEST(ProcessorMask, KeepsAnyNumberOfProcessors) {
  const std::vector<int> many = {0, 3, 63, 64, 1023, 1024, 5000};
  EXPECT_EQ(ProcessorMask(many).processors(), many);
  EXPECT_TRUE(ProcessorMask().empty());
  EXPECT_TRUE(ProcessorMask(std::vector<int>()).empty());
  ProcessorMask both(std::vector<int>{1});
  both.add(ProcessorMask({2000}));
  both.add(ProcessorMask({0}));
  EXPECT_EQ(both.processors(), (std::vector<int>{0, 1, 2000}));
}

TEST(ProcessorMask, BindsAThreadAndReadsItBack) {
  const ProcessorMask before = ProcessorMask::of_this_thread();
  ASSERT_FALSE(before.empty());
  const int last = before.processors().back();
  ASSERT_TRUE(ProcessorMask({last}).bind_this_thread());
  const std::vector<int> bound = ProcessorMask::of_this_thread().processors();
  EXPECT_TRUE(before.bind_this_thread());
  EXPECT_EQ(bound, std::vector<int>{last});
  EXPECT_EQ(ProcessorMask::of_this_thread().processors(), before.processors());
  EXPECT_FALSE(ProcessorMask({1 << 16}).bind_this_thread());  // no machine has it
}

}  // namespace
}  // namespace ridgeline
