#include "layers/formula.hpp"

#include <gtest/gtest.h>

namespace ridgeline::layers {
namespace {

TEST(Formula, ComputesWhatItsTextSays) {
  const Formula n("n", 7), m("m", 5);
  const Formula f = 2 * n * (m + 1) + n - (m + n);
  EXPECT_EQ(f.value(), 2 * 7 * 6 + 7 - 12);
  EXPECT_EQ(f.text(), "2·n·(m + 1) + n − (m + n)");
}

TEST(Formula, LeavesOutLiteralsThatChangeNothing) {
  const Formula n("n", 7), zero("a", 0);
  EXPECT_EQ((0 + n * 1 + 0 * n - 0).text(), "n");
  EXPECT_EQ((0 * n).text(), "0");
  EXPECT_EQ((0 * n).value(), 0);
  // A quantity that is 0 here may be different elsewhere.
  EXPECT_EQ((n + zero * n).text(), "n + a·n");
}

}  // namespace
}  // namespace ridgeline::layers
