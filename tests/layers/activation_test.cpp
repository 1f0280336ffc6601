#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/activations.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;

std::string keys(const std::string& function) {
  return "kind = \"activation\"\nfunction = \"" + function + "\"\n";
}

template <class Space, class T>
void check_forward() {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    for (const Shape& shape : {Shape{1}, Shape{3, 5, 7}, Shape{5003}}) {
      const auto plan = plan_of(keys(function.name), shape);
      EXPECT_EQ(plan->output, shape);
      LayerHarness<Space, T> layer(*plan, 3);
      std::vector<double> x = testing::inputs_for(layer.inputs(), 1), expected;
      for (double& value : x) {
        value *= 4;
        expected.push_back(function.f(value));
      }
      EXPECT_LT(relative_error(layer.forward(x), expected), sizeof(T) == 4 ? 1e-6 : 1e-14)
          << function.name;
    }
  }
}

class ActivationLayers : public testing::Computing {};

TEST_F(ActivationLayers, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward() {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    testing::check_gradients<Space>(*plan_of(keys(function.name), {2, 3, 5}), 3);
  }
}

TEST_F(ActivationLayers, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_nan() {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    const auto plan = plan_of(keys(function.name), {67});
    std::vector<double> x = testing::inputs_for(67, 1);
    const std::size_t bad[] = {0, 21, 66};  // in whole vectors and in the remainder
    for (const std::size_t i : bad) x[i] = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> y = LayerHarness<Space, T>(*plan, 1).forward(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(std::isnan(y[i]), std::isnan(x[i])) << function.name << " at " << i;
    }
  }
}

TEST_F(ActivationLayers, PropagateNaN) {
#define RIDGELINE_CHECK(Space, T) check_nan<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(ActivationLayers, GiveTheSameBitsOnOneThreadAndOnMany) {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    const auto plan = plan_of(keys(function.name), {30011});
    LayerHarness<Kokkos::Serial, float> one(*plan, 3);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, 3);
    const auto x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.inputs(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x)) << function.name;
    EXPECT_EQ(one.backward(x, dy).input, many.backward(x, dy).input) << function.name;
  }
}
#endif

TEST(ActivationDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string kind = "kind = \"activation\"\n";
  EXPECT_TRUE(contains(refusal_of(kind), "deck.toml:5: network.layer.layer.function is missing"));
  EXPECT_TRUE(contains(refusal_of(keys("rleu")),
                       "deck.toml:8: network.layer.layer.function must be one of"));
  EXPECT_TRUE(contains(refusal_of(kind + "function = 3"), "deck.toml:8: "));
  EXPECT_TRUE(
      contains(refusal_of(keys("relu") + "units = 3"), "deck.toml:9: unknown key \"units\""));
}

}  // namespace
}  // namespace ridgeline::layers
