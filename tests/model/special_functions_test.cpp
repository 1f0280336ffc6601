#include "model/special_functions.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ridgeline::model {
namespace {

TEST(StudentT, HasTheTablesQuantiles) {
  // Any table of Student's distribution, two-sided 95 %.
  EXPECT_NEAR(student_t_95(1), 12.7062, 1e-4);
  EXPECT_NEAR(student_t_95(2), 4.3027, 1e-4);
  EXPECT_NEAR(student_t_95(10), 2.2281, 1e-4);
  EXPECT_NEAR(student_t_95(100), 1.9840, 1e-4);
  EXPECT_TRUE(std::isinf(student_t_95(0)));
}

TEST(StudentT, HasQuantilesOfAnyShareAndOfFractionalDegreesOfFreedom) {
  EXPECT_NEAR(student_t(0.05, 8), 2.3060, 1e-4);
  EXPECT_NEAR(student_t(0.001, 8), 5.0413, 1e-4);
  EXPECT_NEAR(student_t(0.05 / 1000, 1), 12732.4, 0.1);
  EXPECT_NEAR(student_t(0.05, 1e9), 1.95996, 1e-4);
  EXPECT_NEAR(student_t(1e-5, 2.5), 115.652, 1e-2);
  EXPECT_TRUE(std::isinf(student_t(0.05, 0)));
}

TEST(IncompleteBeta, IsTheTailOfABinomialDistribution) {
  // I(p; k, n - k + 1) = P(at least k successes of n): of 5 with p = 0.3, at least 2.
  EXPECT_NEAR(incomplete_beta(2, 4, 0.3), 1 - std::pow(0.7, 5) - 5 * 0.3 * std::pow(0.7, 4), 1e-12);
}

TEST(Gamma, DerivativesOfItsLogarithmAt1) {
  EXPECT_NEAR(digamma(1), -0.57721566490153286, 1e-12);                // Euler's constant
  EXPECT_NEAR(trigamma(1), std::acos(-1) * std::acos(-1) / 6, 1e-12);  // ζ(2)
  EXPECT_NEAR(tetragamma(1), -2 * 1.2020569031595942, 1e-12);          // -2 ζ(3)
}

}  // namespace
}  // namespace ridgeline::model
