#include "network/graph.hpp"

#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using testing::contains;
using testing::deck_of;
using testing::error_of;
using testing::kResidual;
using testing::plan_of;

std::size_t layer_named(const NetworkPlan& plan, const std::string& name) {
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    if (plan.layers[i]->name == name) return i;
  }
  ADD_FAILURE() << "no layer " << name;
  return 0;
}

TEST(Graph, UnfoldsNestedLayersInTheOrderTheyRunUnderTheirPaths) {
  const auto plan = plan_of(deck_of(kResidual));
  std::vector<std::string> names;
  for (const auto& layer : plan->layers) names.push_back(layer->name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"first/dense1", "first", "flatten1", "outer/inner/a",
                                      "outer/inner/b", "outer/inner", "outer/square/dense1",
                                      "outer/square/shortcut/flatten1", "outer/square", "outer/c",
                                      "outer/shortcut/projection", "outer", "twice/again/flatten1",
                                      "twice/again", "twice", "head/activation1", "head/out"}));
}

TEST(Graph, HandsBothBranchesOfAResidualWhatItReads) {
  const auto plan = plan_of(deck_of(kResidual));
  const Graph& graph = plan->graph;
  const auto operands = [&](const std::string& name) {
    return graph.operands[layer_named(*plan, name)];
  };
  const auto at = [&](const std::string& name) { return layer_named(*plan, name); };
  EXPECT_EQ(operands("first/dense1")[0], kNetworkInput);
  EXPECT_EQ(operands("first")[0], at("first/dense1"));
  EXPECT_EQ(operands("first")[1], kNetworkInput);
  EXPECT_EQ(operands("outer/inner/a")[0], at("flatten1"));
  EXPECT_EQ(operands("outer/inner")[1], at("flatten1"));
  EXPECT_EQ(operands("outer/shortcut/projection")[0], at("flatten1"));
  EXPECT_EQ(operands("outer")[0], at("outer/c"));
  EXPECT_EQ(operands("outer")[1], at("outer/shortcut/projection"));
  EXPECT_EQ(operands("outer/square")[1], at("outer/square/shortcut/flatten1"));
  EXPECT_EQ(operands("outer/c").size(), 1u);
}

TEST(Graph, JoinsGradientsOnceForEveryForkAndNamesTheResidual) {
  const auto plan = plan_of(deck_of(kResidual));
  std::vector<std::string> joined;
  for (const BackwardStep& step : plan->graph.backward) {
    for (const BackwardStep::Join& join : step.joins) {
      joined.push_back(plan->layers[join.merge]->name + " after " + plan->layers[step.layer]->name);
    }
  }
  // The network's input has no gradient, so `first` has no join.
  EXPECT_EQ(joined, (std::vector<std::string>{
                        "twice after twice/again", "twice/again after twice/again/flatten1",
                        "outer/square after outer/square/dense1", "outer after outer/inner",
                        "outer/inner after outer/inner/a"}));
  EXPECT_EQ(plan->graph.join_count, joined.size());
}

TEST(Graph, ComputesNoGradientBeforeTheFirstParameter) {
  const auto plan = plan_of(deck_of(testing::kActivationFirst));
  const auto& backward = plan->graph.backward;
  ASSERT_EQ(backward.size(), 4u);  // activation, flatten, dense, activation, from the end
  EXPECT_EQ(backward[0].dy, 0u);
  EXPECT_NE(backward[1].dy, kNone);
  EXPECT_EQ(backward[1].dx, Operands{kNone});
  EXPECT_EQ(backward[2].dy, kNone);
  EXPECT_EQ(backward[3].dy, kNone);
}

TEST(Graph, CountsAResidualsJoinInItsBackwardRecord) {
  const auto plan = plan_of(deck_of(kResidual));
  double bytes = 0, flops = 0;
  std::size_t parts = 0;
  for (const StepPart& part : plan->parts(true)) {
    if (part.layer != "outer/inner" || part.phase != layers::Phase::backward) continue;
    const layers::Counts counts = plan->counts(part, 7, 4);
    bytes += counts.bytes;
    flops += counts.flops;
    ++parts;
  }
  EXPECT_EQ(parts, 2u);                // the sum's own, and the join
  EXPECT_EQ(bytes, 3.0 * 7 * 12 * 4);  // two gradients read, one written
  EXPECT_EQ(flops, 7.0 * 12);
  EXPECT_EQ(plan->parts(true).size(), plan->part_count(true));
  EXPECT_EQ(plan->parts(false).size(), plan->part_count(false));
}

std::string refusal(const std::string& layers) {
  return error_of([&] { plan_of(deck_of(layers)); });
}

// The layers begin on line 8.
const std::string kHead =
    "[[network.layer]]\nkind = \"flatten\"\n[[network.layer]]\nkind = \"dense\"\nunits = 5\n";

TEST(Graph, RefusesWhatDoesNotFitByFileLineAndLayer) {
  const std::string residual = "[[network.layer]]\nkind = \"residual\"\nname = \"r\"\n";
  EXPECT_TRUE(contains(refusal(residual + kHead), "deck.toml:8: r needs a list of layers"));
  EXPECT_TRUE(contains(refusal("[[network.layer]]\nkind = \"sequence\"\nname = \"s\"\n" + kHead),
                       "deck.toml:8: s needs a list of layers"));
  EXPECT_TRUE(contains(refusal(residual + "layer = [ { kind = \"dense\", units = 3 } ]\n" + kHead),
                       "deck.toml:11: r has [3, 3] from its layers and [3, 4] from its shortcut"));
  EXPECT_TRUE(contains(refusal(residual +
                               "layer = [ { kind = \"dense\", units = 4 } ]\n"
                               "shortcut = [ { kind = \"flatten\" } ]\n" +
                               kHead),
                       "deck.toml:12: r has [3, 4] from its layers and [12] from its shortcut"));
  EXPECT_TRUE(contains(refusal(residual + "layer = [ { kind = \"dense\", unit = 4 } ]\n" + kHead),
                       "deck.toml:11: "));
  EXPECT_TRUE(contains(refusal(residual + "layers = [ { kind = \"dense\", units = 4 } ]\n" + kHead),
                       "deck.toml:11: unknown key \"layers\""));
  EXPECT_TRUE(contains(
      refusal(residual + "activation = \"rleu\"\nlayer = [ { kind = \"dense\", units = 4 } ]\n" +
              kHead),
      "deck.toml:11: network.layer.r.activation must be one of"));
}

TEST(Graph, NeedsAnEmbeddingIfAndOnlyIfTheDataAreTokens) {
  const auto plan_with = [](const std::string& layers, bool tokens) {
    const config::Deck deck = deck_of(layers);
    return error_of([&] { Graph graph(deck.network.layers, {{4}, tokens, 0}); });
  };
  const std::string embedding =
      "[[network.layer]]\nkind = \"embedding\"\nvocabulary = 9\nfeatures = 3\n";
  EXPECT_EQ(plan_with(embedding + kHead, true), "none");
  EXPECT_TRUE(contains(plan_with(embedding + kHead, false),
                       "deck.toml:9: embedding1 reads tokens, and there are values here"));
  EXPECT_TRUE(contains(plan_with(kHead, true),
                       "deck.toml:11: dense1 computes with values, and the data are tokens"));
  EXPECT_TRUE(contains(plan_with("[[network.layer]]\nkind = \"flatten\"\n", true),
                       "deck.toml:9: the data are tokens"));
}

}  // namespace
}  // namespace ridgeline::network
