#include "layers/dropout.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "layers/harness.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;

std::string keys(const std::string& rate) { return "kind = \"dropout\"\nrate = " + rate + "\n"; }

// Which elements a step keeps, of inputs that are all 1.
template <class Space, class T>
std::vector<double> kept(const LayerPlan& plan, std::size_t batch, std::int64_t step) {
  LayerHarness<Space, T> layer(plan, batch);
  layer.step = step;
  return layer.forward(std::vector<double>(layer.inputs(), 1.0));
}

template <class Space, class T>
void check_forward() {
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    const auto plan = plan_of(keys(std::to_string(rate)), {101, 7});
    const std::vector<double> y = kept<Space, T>(*plan, 40, 0);
    double count = 0;
    for (const double value : y) {
      if (value == 0) continue;
      EXPECT_EQ(value, double(static_cast<T>(1 / (1 - rate))));
      ++count;
    }
    // Five deviations of the binomial distribution.
    const double n = double(y.size());
    EXPECT_NEAR(count, (1 - rate) * n, 5 * std::sqrt(n * rate * (1 - rate)) + 0.5) << rate;
  }
}

class DropoutLayer : public testing::Computing {};

TEST_F(DropoutLayer, KeepsTheShareThatItShouldAndScalesIt) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_backward() {
  const auto plan = plan_of(keys("0.4"), {13, 5});  // no whole number of groups
  LayerHarness<Space, T> layer(*plan, 3);
  for (const std::int64_t step : {0, 1, 1000000}) {
    layer.step = step;
    const std::vector<double> mask = layer.forward(std::vector<double>(layer.inputs(), 1.0));
    const auto x = testing::inputs_for(layer.inputs(), 1);
    const auto dy = testing::inputs_for(layer.outputs(), 2);
    const std::vector<double> y = layer.forward(x), dx = layer.backward(x, dy).input;
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(y[i], double(static_cast<T>(mask[i]) * static_cast<T>(x[i])));
      EXPECT_EQ(dx[i], double(static_cast<T>(mask[i]) * static_cast<T>(dy[i])));
    }
    EXPECT_EQ(layer.forward(x, false), x);  // inference passes through
  }
}

TEST_F(DropoutLayer, DropsTheSameForwardAndBackwardAndNothingInInference) {
#define RIDGELINE_CHECK(Space, T) check_backward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(DropoutLayer, DropsOthersInEveryStepAndTheSameOnEverySpace) {
  const auto plan = plan_of(keys("0.5"), {2000});
  using Host = Kokkos::Serial;
  const std::vector<double> first = kept<Host, float>(*plan, 8, 0);
  const std::vector<double> second = kept<Host, float>(*plan, 8, 1);
  double both = 0;
  for (std::size_t i = 0; i < first.size(); ++i) both += first[i] > 0 && second[i] > 0 ? 1 : 0;
  EXPECT_NEAR(both / double(first.size()), 0.25, 0.02);
#define RIDGELINE_CHECK(Space, T)                  \
  EXPECT_EQ((kept<Space, T>(*plan, 8, 0)), first); \
  EXPECT_EQ((kept<Space, T>(*plan, 8, 1)), second);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(DropoutPlan, IsAViewWhereNothingTrainsAndKeepsNothing) {
  const auto plan = plan_of(keys("0.3"), {2, 5});
  EXPECT_FALSE(plan->is_view(true));
  EXPECT_TRUE(plan->is_view(false));
  EXPECT_EQ(plan->saved(7), 0u);
  EXPECT_EQ(plan->output, (Shape{2, 5}));
  // Each element read and written; compared and multiplied.
  for (const Phase phase : {Phase::forward, Phase::backward}) {
    EXPECT_EQ(plan->counts(phase, 7, 4, true).bytes, 2.0 * 70 * 4);
    EXPECT_EQ(plan->counts(phase, 7, 4, true).flops, 2.0 * 70);
  }
  EXPECT_EQ(plan->counts(Phase::backward, 7, 4, false).bytes, 0);
}

TEST(DropoutPlan, RefusesARateOutOfRange) {
  for (const char* rate : {"1.0", "-0.1", "2", "\"half\""}) {
    EXPECT_TRUE(contains(refusal_of(keys(rate)), "deck.toml:8: network.layer.layer.rate must be"))
        << rate;
  }
  EXPECT_TRUE(contains(refusal_of("kind = \"dropout\"\n"), "network.layer.layer.rate is missing"));
}

}  // namespace
}  // namespace ridgeline::layers
