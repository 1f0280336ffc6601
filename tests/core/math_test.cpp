#include "core/math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ridgeline {
namespace {

// Returns the maximum error over a range in units of the last place of the exact value.
template <class T, class Found, class Exact>
double largest_error(double from, double to, const Found& found, const Exact& exact) {
  double largest = 0;
  const int steps = 200000;
  for (int i = 0; i <= steps; ++i) {
    const T x = static_cast<T>(from + (to - from) * i / steps);
    const long double expected = exact(static_cast<long double>(x));
    const T rounded = static_cast<T>(expected);
    const T next = std::nextafter(std::abs(rounded), std::numeric_limits<T>::infinity());
    const long double unit = static_cast<long double>(next) - std::abs(rounded);
    const double error =
        static_cast<double>(std::abs(static_cast<long double>(found(x)) - expected) / unit);
    largest = std::max(largest, error);
  }
  return largest;
}

template <class T>
void check_functions() {
  const auto exp = [](T x) { return math::exp(x); };
  const auto tanh = [](T x) { return math::tanh(x); };
  const auto sigmoid = [](T x) { return math::sigmoid(x); };
  const double most = sizeof(T) == 4 ? 88.7 : 709.7;
  const auto exact_exp = [](long double x) { return std::exp(x); };
  EXPECT_LT((largest_error<T>(-most * 0.98, most, exp, exact_exp)), 2.0);
  EXPECT_LT((largest_error<T>(-1, 1, exp, exact_exp)), 1.5);
  const auto exact_tanh = [](long double x) { return std::tanh(x); };
  EXPECT_LT((largest_error<T>(-30, 30, tanh, exact_tanh)), 4.0);
  EXPECT_LT((largest_error<T>(-1e-3, 1e-3, tanh, exact_tanh)), 4.0);
  EXPECT_LT(
      (largest_error<T>(-20, 20, sigmoid, [](long double x) { return 1 / (1 + std::exp(-x)); })),
      4.0);
  EXPECT_LT((largest_error<T>(
                0, 1, [](T x) { return math::log1p_of_fraction(x); },
                [](long double x) { return std::log1p(x); })),
            3.0);
  // The error function is measured against 1: near zero it is right to an absolute error.
  for (int i = -60000; i <= 60000; ++i) {
    const T x = static_cast<T>(i) / T(10000);
    ASSERT_NEAR(math::erf(x), std::erf(static_cast<double>(x)), sizeof(T) == 4 ? 4e-7 : 1e-15) << x;
  }
}

TEST(Math, IsRightToAFewUnitsInTheLastPlace) {
  check_functions<float>();
  check_functions<double>();
}

template <class T>
void check_extremes() {
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::nan("");
  EXPECT_EQ(math::exp(infinity), infinity);
  EXPECT_EQ(math::exp(-infinity), T(0));
  EXPECT_EQ(math::exp(T(0)), T(1));
  EXPECT_EQ(math::exp(T(1000)), infinity);
  EXPECT_EQ(math::exp(T(-1000)), T(0));
  EXPECT_EQ(math::tanh(infinity), T(1));
  EXPECT_EQ(math::tanh(-infinity), T(-1));
  EXPECT_EQ(math::tanh(T(0)), T(0));
  EXPECT_EQ(math::sigmoid(infinity), T(1));
  EXPECT_EQ(math::sigmoid(-infinity), T(0));
  EXPECT_EQ(math::erf(infinity), T(1));
  EXPECT_EQ(math::erf(-infinity), T(-1));
  EXPECT_EQ(math::log1p_of_fraction(T(0)), T(0));
  EXPECT_TRUE(std::isnan(math::log1p_of_fraction(nan)));
  EXPECT_TRUE(std::isnan(math::exp(nan)));
  EXPECT_TRUE(std::isnan(math::tanh(nan)));
  EXPECT_TRUE(std::isnan(math::sigmoid(nan)));
  EXPECT_TRUE(std::isnan(math::erf(nan)));
}

TEST(Math, HandlesInfinitiesAndPropagatesNaN) {
  check_extremes<float>();
  check_extremes<double>();
}

}  // namespace
}  // namespace ridgeline
