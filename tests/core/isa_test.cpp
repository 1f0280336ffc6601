#include "core/isa.hpp"

#include <gtest/gtest.h>

namespace ridgeline {
namespace {

TEST(Isa, ThisCpuHasWhatThisBuildWasCompiledFor) { EXPECT_TRUE(missing_isa(kRequiredIsa).empty()); }

TEST(Isa, NamesWhatACpuLacks) {
  const char* const required[] = {"sse3", "an extension of the future", nullptr};
  const std::vector<std::string> missing = missing_isa(required);
#if defined(__x86_64__)
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0], "an extension of the future");
#else
  EXPECT_EQ(missing.size(), 2u);
#endif
}

}  // namespace
}  // namespace ridgeline
