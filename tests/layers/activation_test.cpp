#include "layers/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;

struct Function {
  const char* name;
  double (*f)(double);
};
const Function kFunctions[] = {
    {"identity", [](double x) { return x; }},
    {"relu", [](double x) { return x > 0 ? x : 0.0; }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
    {"gelu", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }}};

std::string keys(const std::string& function) {
  return "kind = \"activation\"\nfunction = \"" + function + "\"\n";
}

template <class Space, class T>
void check_forward() {
  for (const Function& function : kFunctions) {
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
  for (const Function& function : kFunctions) {
    testing::check_gradients<Space>(*plan_of(keys(function.name), {2, 3, 5}), 3);
  }
}

TEST_F(ActivationLayers, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(ActivationPlan, RefusesBadOptionsByFileLineAndKey) {
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
