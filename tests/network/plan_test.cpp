#include "network/plan.hpp"

#include <gtest/gtest.h>

#include "core/views.hpp"
#include "io/scratch.hpp"
#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using layers::Phase;
using testing::contains;
using testing::deck_of;
using testing::error_of;
using testing::kActivationFirst;
using testing::kAutoencoder;
using testing::kMixed;
using testing::kPerceptron;
using testing::plan_of;

TEST(NetworkPlan, HandsEachLayersOutputToTheNext) {
  const auto plan = plan_of(deck_of(kMixed));
  const std::vector<std::pair<std::string, Shape>> expected = {
      {"rows", {3, 6}}, {"flatten1", {18}},   {"bend", {18}},
      {"narrow", {9}},  {"activation2", {9}}, {"last", {5}}};
  ASSERT_EQ(plan->layers.size(), expected.size());
  Shape input = {3, 4};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(plan->layers[i]->name, expected[i].first);
    EXPECT_EQ(plan->layers[i]->input, input);
    EXPECT_EQ(plan->layers[i]->output, expected[i].second);
    input = plan->layers[i]->output;
  }
  EXPECT_EQ(plan->input_size(), 12u);
  EXPECT_EQ(plan->output_size(), 5u);
}

TEST(NetworkPlan, LaysParametersOutAlignedWithoutOverlap) {
  const auto plan = plan_of(deck_of(kMixed));
  const std::vector<std::string> names = {"rows/weight", "rows/bias", "narrow/weight",
                                          "last/weight", "last/bias"};
  ASSERT_EQ(plan->parameters.size(), names.size());
  std::size_t end = 0, count = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ParameterSlot& slot = plan->parameters[i];
    EXPECT_EQ(slot.layer + "/" + slot.parameter.name, names[i]);
    EXPECT_EQ(slot.size, size_of(slot.parameter.shape));
    EXPECT_GE(slot.offset, end);
    EXPECT_EQ(slot.offset * sizeof(float) % kAlignment, 0u);
    end = slot.offset + slot.size;
    count += slot.size;
  }
  EXPECT_LE(end, plan->parameter_buffer_size);
  EXPECT_EQ(plan->parameter_count(), count);
  EXPECT_EQ(count, 4u * 6 + 6 + 18 * 9 + 9 * 5 + 5);
}

TEST(NetworkPlan, RequestsOnlyGradientsThatAreUsed) {
  const auto needs = [](const std::string& layers) {
    const auto plan = plan_of(deck_of(layers));
    std::vector<bool> list;
    for (std::size_t i = 0; i < plan->layers.size(); ++i) {
      list.push_back(plan->needs_input_gradient(i));
    }
    return list;
  };
  EXPECT_EQ(needs(kPerceptron), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(needs(kMixed), (std::vector<bool>{false, true, true, true, true, true}));
  EXPECT_EQ(needs(kActivationFirst), (std::vector<bool>{false, false, false, true}));
}

std::string shown(const std::vector<StepPart>& parts) {
  std::string text;
  for (const StepPart& part : parts) {
    text += part.layer + "/" + layers::to_string(part.phase) + ":" + part.kind + " ";
  }
  return text;
}

TEST(NetworkPlan, ListsThePartsOfAStepInTheOrderTheyRun) {
  const auto plan = plan_of(deck_of(kActivationFirst));
  const std::string forward =
      "activation1/forward:activation flatten1/forward:flatten dense1/forward:dense "
      "activation2/forward:activation ";
  EXPECT_EQ(shown(plan->parts(false)), forward);
  EXPECT_EQ(shown(plan->parts(true)),
            forward +
                "loss/forward:cross_entropy activation2/backward:activation "
                "dense1/backward:dense flatten1/backward:flatten "
                "activation1/backward:activation optimizer/update:sgd ");
}

// Returns the error message for the network of a deck.
std::string refusal(const std::string& layers, const std::vector<std::string>& sets = {}) {
  return error_of([&] { plan_of(deck_of(layers, sets)); });
}

std::string last_dense(const std::string& keys) {
  return "[[network.layer]]\nkind = \"flatten\"\n[[network.layer]]\nkind = \"dense\"\n" + keys;
}

TEST(NetworkPlan, RefusesALastLayerThatDoesNotFitTheClasses) {
  // The layers begin on line 8.
  const std::string error = refusal(last_dense("units = 4\n"));
  EXPECT_TRUE(contains(error, "deck.toml:12: ")) << error;
  EXPECT_TRUE(contains(error, "ends in [4], and the data has 5 classes"));
  // A last layer without units is named by its own line.
  EXPECT_TRUE(contains(refusal("[[network.layer]]\nkind = \"dense\"\nunits = 5\n"),
                       "deck.toml:10: the network ends in [3, 5]"));
  EXPECT_TRUE(contains(refusal(last_dense("units = 4\n") +
                               "[[network.layer]]\nkind = \"activation\"\nfunction = \"relu\"\n"),
                       "deck.toml:13: the network ends in [4]"));
}

TEST(NetworkPlan, MayHaveMoreLogitsThanTheDataHasClasses) {
  // A subset of the data may lack the last classes.
  EXPECT_EQ(refusal(last_dense("units = 6\n")), "none");
  EXPECT_EQ(refusal(last_dense("units = 1000\n")), "none");
}

TEST(NetworkPlan, RefusesALastLayerThatDoesNotFitTheTargets) {
  const std::string error = refusal(last_dense("units = 11\n"), kAutoencoder);
  EXPECT_TRUE(contains(error, "deck.toml:12: the network ends in [11], and a target is [3, 4]"))
      << error;
  // The size matters, not the shape.
  EXPECT_EQ(refusal(last_dense("units = 12\n"), kAutoencoder), "none");
}

TEST(NetworkPlan, RefusesALossThatDoesNotGoWithTheData) {
  const auto plan_with = [](const std::string& loss, const SampleShape& sample) {
    const config::Deck deck = config::Deck::parse(
        "[data]\nkind = \"hdf5\"\npath = \"x.h5\"\n[network]\n[[network.layer]]\n"
        "kind = \"dense\"\nunits = 3\n[train]\nepochs = 1\nbatch = 1\nloss = \"" +
            loss + "\"\noptimizer = { kind = \"sgd\", learning_rate = 0.1 }\n",
        "deck.toml");
    return error_of([&] { NetworkPlan plan(deck, sample); });
  };
  EXPECT_EQ(plan_with("mse", {{4}, 0, {3}}), "none");
  EXPECT_EQ(plan_with("cross_entropy", {{4}, 3, {}}), "none");
  EXPECT_TRUE(contains(plan_with("mse", {{4}, 3, {}}),
                       "deck.toml:11: mse needs values to compare with, and the data has class"));
  EXPECT_TRUE(contains(plan_with("cross_entropy", {{4}, 0, {3}}),
                       "deck.toml:11: cross_entropy needs class labels, and the data has values"));
  // Inputs alone are valid with either.
  EXPECT_EQ(plan_with("mse", {{4}, 0, {}, false}), "none");
}

TEST(NetworkPlan, RefusesANetworkWithoutParameters) {
  EXPECT_TRUE(contains(refusal("[[network.layer]]\nkind = \"flatten\"\n"),
                       "deck.toml:9: the network has no parameters to train"));
}

TEST(NetworkPlan, NamesTheLayerOfABadOption) {
  EXPECT_TRUE(contains(refusal(last_dense("name = \"fc1\"\nunits = 0\n")),
                       "deck.toml:13: network.layer.fc1.units must be an integer"));
}

}  // namespace
}  // namespace ridgeline::network
