#include "layers/layer.hpp"

#include <gtest/gtest.h>

#include "core/launch.hpp"
#include "io/scratch.hpp"
#include "layers/harness.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;

TEST(FlattenDescription, IsTheSameMemoryInOneDimension) {
  const auto plan = plan_of("kind = \"flatten\"", {2, 3, 5});
  EXPECT_TRUE(plan->is_view(true));
  EXPECT_EQ(plan->output, (Shape{30}));
  EXPECT_TRUE(plan->parameters().empty());
  EXPECT_EQ(plan->saved(7), 0u);
  EXPECT_EQ(plan->workspace({}, 7, true), 0u);
}

class FlattenLayer : public testing::Computing {};

template <class Space, class T>
void check_flatten() {
  const auto plan = plan_of("kind = \"flatten\"", {2, 3});
  LayerHarness<Space, T> layer(*plan, 4);
  const std::vector<double> x = testing::inputs_for(24, 1);
  const LaunchCount before = launch_count;
  EXPECT_EQ(layer.forward(x), x);
  layer.backward(x, x);
  EXPECT_EQ(launch_count.single, before.single);
  EXPECT_EQ(launch_count.parallel, before.parallel);
}

TEST_F(FlattenLayer, ComputesNothing) {
#define RIDGELINE_CHECK(Space, T) check_flatten<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(PlanLayer, RefusesUnknownKindsAndKeysByFileLineAndKey) {
  EXPECT_TRUE(
      contains(refusal_of("kind = \"flatten\"\nunits = 3"), "deck.toml:8: unknown key \"units\""));
  const std::string error = refusal_of("kind = \"dens\"\nunits = 3");
  EXPECT_TRUE(contains(error, "deck.toml:7: network.layer.layer.kind must be one of")) << error;
  for (const std::string& kind : layer_kind_names()) EXPECT_TRUE(contains(error, kind));
  EXPECT_TRUE(contains(refusal_of("kind = 3"), "deck.toml:7: "));
}

TEST(Phases, AreNamedAsRecordsNameThem) {
  EXPECT_EQ(to_string(Phase::forward), "forward");
  EXPECT_EQ(to_string(Phase::backward), "backward");
  EXPECT_EQ(to_string(Phase::update), "update");
}

}  // namespace
}  // namespace ridgeline::layers
