#include "machine/kernel_ladder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "config/deck.hpp"
#include "core/spaces.hpp"
#include "network/plan.hpp"
#include "support/layer_tables.hpp"
#include "support/paths.hpp"
#include "support/runtime.hpp"

namespace ridgeline::machine {
namespace {

using kernels::ConvolutionShape;

class KernelLadder : public testing::Computing {};

// Returns the shape of a deck's samples, without its data, which may be missing here.
network::SampleShape sample_of(const config::Deck& deck, std::size_t vocabulary) {
  network::SampleShape sample;
  switch (deck.data.kind) {
    case config::DataKind::idx:
      sample.input = {1, 28, 28};
      if (deck.data.target_is_input) {
        sample.target = sample.input;
      } else {
        sample.classes = 10;
      }
      break;
    case config::DataKind::text:
      sample.input = sample.target = {std::size_t(deck.data.length)};
      sample.tokens = true;
      sample.classes = sample.vocabulary = vocabulary;
      break;
    case config::DataKind::synthetic:
      sample.input = deck.data.shape;
      sample.classes = std::size_t(deck.data.classes);
      break;
    default:  // diabetes.h5
      sample.input = {10};
      sample.target = {1};
  }
  return sample;
}

void add_products(std::size_t rows, std::size_t out, std::size_t in,
                  std::vector<KernelCase>& cases) {
  const int r = int(rows), o = int(out), i = int(in);
  cases.push_back({KernelClass::product_nt, ProductShape{r, o, i}});
  cases.push_back({KernelClass::product_nn, ProductShape{r, i, o}});
  cases.push_back({KernelClass::product_tn_sums, ProductShape{o, i, r}});
}

// The kernels that a layer launches, as cases.
std::vector<KernelCase> cases_of(const layers::Layer& layer, const config::OptionTable& table,
                                 std::size_t batch) {
  std::vector<KernelCase> cases;
  const int b = int(batch);
  const std::size_t rows = batch * (size_of(layer.input) / layer.input.back());
  if (layer.kind == "dense") {
    add_products(rows, layer.output.back(), layer.input.back(), cases);
  } else if (layer.kind == "conv2d") {
    const ConvolutionShape shape = testing::convolution_of(table, layer.input, batch);
    cases.push_back({KernelClass::convolution_forward, shape});
    cases.push_back({KernelClass::convolution_weight_gradient, shape});
  } else if (layer.kind == "attention") {
    const std::size_t width = layer.input[1];
    const int heads = int(table.integer("heads", 1, 999));
    add_products(rows, 3 * width, width, cases);
    add_products(rows, width, width, cases);
    for (const bool causal : {false, true}) {
      const AttentionCaseShape shape{b, int(layer.input[0]), heads, int(width) / heads, causal};
      cases.push_back({KernelClass::attention_forward, shape});
      cases.push_back({KernelClass::attention_gradient, shape});
    }
  } else if (layer.kind == "lstm" || layer.kind == "gru") {
    const std::size_t units = layer.output.back(), columns = layer.parameters()[0].shape[0];
    add_products(rows, columns, layer.input[1], cases);
    add_products(rows, columns, units, cases);
    // A step is the same at every length.
    for (const int length : {int(layer.input[0]), 12}) {
      const RecurrenceShape shape{b, int(units), length};
      cases.push_back({KernelClass::recurrence_lstm, shape});
      cases.push_back({KernelClass::recurrence_gru, shape});
    }
  }
  return cases;
}

// Returns every kernel of every deck in inputs/ at its own batch and at the predicted ones.
std::vector<KernelCase> deck_cases() {
  std::vector<KernelCase> cases;
  int decks = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::source_folder() + "/inputs")) {
    if (entry.path().extension() != ".toml") continue;
    const config::Deck deck = config::Deck::load(entry.path().string());
    ++decks;
    std::map<std::string, config::OptionTable> tables;
    testing::add_tables(deck.network.layers, "", tables);
    // A text's number of characters depends on the files that are installed.
    for (std::size_t vocabulary = 80; vocabulary <= 120; ++vocabulary) {
      if (deck.data.kind != config::DataKind::text && vocabulary > 80) break;
      const network::NetworkPlan plan(deck, sample_of(deck, vocabulary));
      for (const std::size_t batch : {std::size_t(deck.train.batch), std::size_t{1}, std::size_t{8},
                                      std::size_t{32}, std::size_t{128}}) {
        for (const auto& layer : plan.layers) {
          const auto more = cases_of(*layer, tables.at(layer->name), batch);
          cases.insert(cases.end(), more.begin(), more.end());
        }
      }
    }
  }
  EXPECT_GE(decks, 8);
  return cases;
}

TEST(KernelCases, NoneIsAKernelOfADeck) {
  const std::vector<KernelCase> decks = deck_cases();
  // Checks that known kernels of the decks are among them.
  ConvolutionShape lenet;
  lenet.batch = 128;
  lenet.channels = 6;
  lenet.filters = 16;
  lenet.height = lenet.width = {14, 5, 1, 0, 1};
  for (const KernelCase& known :
       {KernelCase{KernelClass::product_nt, ProductShape{128, 512, 784}},
        KernelCase{KernelClass::product_tn_sums, ProductShape{10, 512, 32}},
        KernelCase{KernelClass::product_nn, ProductShape{8 * 64, 128, 512}},
        KernelCase{KernelClass::convolution_weight_gradient, lenet},
        KernelCase{KernelClass::recurrence_lstm, RecurrenceShape{32, 256, 64}},
        KernelCase{KernelClass::attention_gradient, AttentionCaseShape{16, 64, 4, 32, true}}}) {
    EXPECT_NE(std::find(decks.begin(), decks.end(), known), decks.end()) << to_string(known.kernel);
  }
  for (const KernelCase& each : kernel_cases(false)) {
    EXPECT_EQ(std::find(decks.begin(), decks.end(), each), decks.end())
        << to_string(each.kernel) << " of " << each.flops() << " FLOPs is a kernel of a deck";
  }
}

TEST(KernelCases, CoverEveryClassOnceEach) {
  std::set<std::string> classes;
  const std::vector<KernelCase> all = kernel_cases(false);
  for (std::size_t i = 0; i < all.size(); ++i) {
    classes.insert(to_string(all[i].kernel));
    EXPECT_GT(all[i].flops(), 0);
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(all[i] == all[j]) << i << " is " << j;
  }
  EXPECT_EQ(classes.size(), 9u);
  // The quick ladder is the same without long cases.
  const std::vector<KernelCase> quick = kernel_cases(true);
  EXPECT_LT(quick.size(), all.size());
  EXPECT_GT(quick.size(), all.size() / 2);
  for (const KernelCase& each : quick) {
    EXPECT_NE(std::find(all.begin(), all.end(), each), all.end());
    EXPECT_LT(each.flops(), 2e8);
  }
}

TEST(KernelCases, CountMatrixFlops) {
  EXPECT_EQ((KernelCase{KernelClass::product_nn, ProductShape{2, 3, 5}}.flops()), 60);
  EXPECT_EQ((KernelCase{KernelClass::recurrence_lstm, RecurrenceShape{2, 3, 5}}.flops()),
            2 * 5 * 2 * 4 * 3 * 3);
  EXPECT_EQ((KernelCase{KernelClass::recurrence_gru, RecurrenceShape{1, 2, 1}}.flops()), 24);
  // Queries attend to 1 + 2 + 3 positions; two products, five backward.
  EXPECT_EQ(
      (KernelCase{KernelClass::attention_forward, AttentionCaseShape{1, 3, 2, 4, true}}.flops()),
      2 * 2 * 6 * 2 * 4);
  EXPECT_EQ(
      (KernelCase{KernelClass::attention_gradient, AttentionCaseShape{1, 3, 2, 4, false}}.flops()),
      5 * 2 * 9 * 2 * 4);
}

// One case of each class, with very small shapes.
std::vector<KernelCase> tiny_cases() {
  ConvolutionShape convolution;
  convolution.batch = 3;
  convolution.channels = 2;
  convolution.filters = 5;
  convolution.height = convolution.width = {7, 3, 2, 1, 1};
  const ProductShape product{5, 19, 7};
  const RecurrenceShape recurrence{3, 9, 4};
  const AttentionCaseShape attention{2, 6, 2, 5, true};
  return {{KernelClass::product_nt, product},
          {KernelClass::product_nn, product},
          {KernelClass::product_tn_sums, product},
          {KernelClass::convolution_forward, convolution},
          {KernelClass::convolution_weight_gradient, convolution},
          {KernelClass::recurrence_lstm, recurrence},
          {KernelClass::recurrence_gru, recurrence},
          {KernelClass::attention_forward, attention},
          {KernelClass::attention_gradient, attention}};
}

KernelLadderOptions tiny_options() {
  KernelLadderOptions options;
  options.cases = tiny_cases();
  options.min_repeats = 2;
  options.min_seconds = 0;
  options.batch_seconds = options.batch_below = 0;
  return options;
}

TEST_F(KernelLadder, MeasuresEveryCaseInBothPrecisionsOnEverySpace) {
  const KernelLadderOptions options = tiny_options();
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    const std::vector<KernelPoint> points = kernel_ladder(kind, options);
    ASSERT_EQ(points.size(), 2 * options.cases.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_TRUE(points[i].kernel_case == options.cases[i / 2]);
      EXPECT_EQ(points[i].precision, i % 2 == 0 ? "float32" : "float64");
      EXPECT_GT(points[i].seconds.min, 0);
      EXPECT_GE(points[i].seconds.repeats, 2);
      EXPECT_EQ(points[i].threads,
                with_space(kind, [](const auto& s) { return int(s.concurrency()); }));
    }
  }
}

TEST_F(KernelLadder, WithoutTimeKeepsTheFirstCaseAndSaysWhatIsMissing) {
  KernelLadderOptions options = tiny_options();
  options.budget_seconds = 0;
  std::vector<std::string> notes;
  const auto points = kernel_ladder(SpaceKind::serial, options, {}, &notes);
  EXPECT_EQ(points.size(), 2u);
  EXPECT_EQ(notes, (std::vector<std::string>{
                       "serial kernels: 8 of 9 points were left out to stay within the time"}));
  options.stopped = [] { return true; };
  EXPECT_TRUE(kernel_ladder(SpaceKind::serial, options).empty());
}

}  // namespace
}  // namespace ridgeline::machine
