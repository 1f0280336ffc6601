#include <gtest/gtest.h>

#include <vector>

#include "kernels/elementwise/elementwise.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

class ViewBounds : public ridgeline::testing::Computing {};

#if defined(KOKKOS_ENABLE_DEBUG_BOUNDS_CHECK)
// Reads the second value of a View of one. Kokkos 3.4 then throws, which ends the process here;
// later releases abort.
void copy_beyond_the_end() noexcept {
  using Space = Kokkos::Serial;
  std::vector<float> from(1, 1.0f), to(2);
  copy<Space, float>(Space(), "test/copy", Vector<Space, const float>(from.data(), from.size()),
                     Vector<Space, float>(to.data(), to.size()));
}
#endif

// Builds with RIDGELINE_BOUNDS_CHECKS check the accesses of the library's kernels, not only those
// of the tests.
TEST_F(ViewBounds, AreCheckedInKernelsOfTheLibrary) {
#if defined(KOKKOS_ENABLE_DEBUG_BOUNDS_CHECK)
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(copy_beyond_the_end(), "bounds");
#else
  GTEST_SKIP() << "a build without RIDGELINE_BOUNDS_CHECKS";
#endif
}

}  // namespace
}  // namespace ridgeline::kernels
