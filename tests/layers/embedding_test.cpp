#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using testing::Array;
using testing::contains;
using testing::LayerHarness;
using testing::Number;
using testing::plan_of;
using testing::refusal_of;
using testing::Tally;
using Values = std::vector<double>;

std::string keys(std::size_t vocabulary, std::size_t features) {
  return "kind = \"embedding\"\nvocabulary = " + std::to_string(vocabulary) +
         "\nfeatures = " + std::to_string(features) + "\n";
}

// Tokens of which some occur often and some never.
Values tokens_for(std::size_t positions, std::size_t vocabulary) {
  Values tokens;
  for (std::size_t i = 0; i < positions; ++i) {
    tokens.push_back(double((i * i * 7 + i / 3) % vocabulary / 2 * 2 % vocabulary));
  }
  return tokens;
}

struct Case {
  std::size_t vocabulary, features, length, batch;
};
// All sizes 1, primes, several blocks of features, a vocabulary split into parts.
const Case kCases[] = {
    {1, 1, 1, 1}, {5, 3, 7, 2}, {97, 70, 11, 3}, {30000, 5, 40, 2}, {64, 128, 33, 9}};

template <class Space, class T>
void check() {
  for (const Case& c : kCases) {
    const auto plan = plan_of(keys(c.vocabulary, c.features), {c.length});
    LayerHarness<Space, T> layer(*plan, c.batch);
    const Values x = tokens_for(c.batch * c.length, c.vocabulary);
    const Values dy = testing::inputs_for(layer.outputs(), 2);
    Values y;
    Values dw(c.vocabulary * c.features, 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t f = 0; f < c.features; ++f) {
        const std::size_t at = std::size_t(x[i]) * c.features + f;
        y.push_back(layer.parameters[0][at]);
        dw[at] += dy[i * c.features + f];
      }
    }
    EXPECT_EQ(layer.forward(x), y);
    EXPECT_EQ(layer.forward(x, false), y);
    const Values found = layer.backward(x, dy, true).parameters[0];
    for (std::size_t i = 0; i < dw.size(); ++i) {
      ASSERT_NEAR(found[i], dw[i],
                  dw[i] == 0       ? 0
                  : sizeof(T) == 4 ? 1e-4
                                   : 1e-13)
          << i << " of " << c.vocabulary;
    }
  }
}

class EmbeddingLayer : public testing::Computing {};

TEST_F(EmbeddingLayer, PicksRowsAndSumsTheirGradients) {
#define RIDGELINE_CHECK(Space, T) check<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_bad_tokens() {
  const auto plan = plan_of(keys(3, 2), {6});
  LayerHarness<Space, T> layer(*plan, 1);
  const Values y = layer.forward({-1, 3, 1e30, std::nan(""), INFINITY, -INFINITY});
  const Values& w = layer.parameters[0];
  EXPECT_EQ(y, (Values{w[0], w[1], w[4], w[5], w[4], w[5], w[0], w[1], w[4], w[5], w[0], w[1]}));
  const Values dw =
      layer.backward({-1, 3, 1e30, std::nan(""), INFINITY, -INFINITY}, Values(12, 1.0), true)
          .parameters[0];
  EXPECT_EQ(dw, (Values{3, 3, 0, 0, 3, 3}));
}

TEST_F(EmbeddingLayer, WrongTokensStayInsideTheTable) {
#define RIDGELINE_CHECK(Space, T) check_bad_tokens<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(EmbeddingLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const auto plan = plan_of(keys(300, 130), {64});
  LayerHarness<Kokkos::Serial, float> one(*plan, 20);
  LayerHarness<Kokkos::OpenMP, float> many(*plan, 20);
  const Values x = tokens_for(one.inputs(), 300), dy = testing::inputs_for(one.outputs(), 2);
  EXPECT_EQ(one.forward(x), many.forward(x));
  EXPECT_EQ(one.backward(x, dy, true).parameters, many.backward(x, dy, true).parameters);
}
#endif

TEST(EmbeddingDescription, HasPyTorchsParameterAndAddsADimension) {
  const auto plan = plan_of(keys(5, 3), {7});
  EXPECT_EQ(plan->kind, "embedding");
  EXPECT_EQ(plan->output, (Shape{7, 3}));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 1u);
  EXPECT_EQ(parameters[0].name, "weight");
  EXPECT_EQ(parameters[0].shape, (Shape{5, 3}));
  EXPECT_EQ(parameters[0].initial, Initial::normal);
  EXPECT_EQ(plan->saved(4), 0u);
}

TEST(EmbeddingDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string kind = "kind = \"embedding\"\n";
  EXPECT_TRUE(contains(refusal_of(kind + "features = 3"),
                       "deck.toml:5: network.layer.layer.vocabulary is missing"));
  EXPECT_TRUE(contains(refusal_of(kind + "vocabulary = 0\nfeatures = 3"),
                       "deck.toml:8: network.layer.layer.vocabulary must be an integer"));
  EXPECT_TRUE(contains(refusal_of(kind + "vocabulary = 3"),
                       "deck.toml:5: network.layer.layer.features is missing"));
  EXPECT_TRUE(contains(refusal_of(kind + "vocabulary = 3\nfeatures = -1"),
                       "deck.toml:9: network.layer.layer.features must be an integer"));
  EXPECT_TRUE(contains(refusal_of(keys(3, 2), {4, 5}),
                       "deck.toml:7: embedding needs tokens [length], and gets [4, 5]"));
}

TEST(EmbeddingCounts, EqualAPlainLoopInBothPhases) {
  // As many different tokens as possible: all of the vocabulary, or a different one at every
  // position.
  for (const Case& c : {Case{5, 3, 7, 2}, Case{50, 3, 7, 2}}) {
    const auto plan = plan_of(keys(c.vocabulary, c.features), {c.length});
    const std::size_t positions = c.batch * c.length;
    for (const Phase phase : {Phase::forward, Phase::backward}) {
      Array tokens(positions), table(c.vocabulary * c.features), rows(positions * c.features);
      std::vector<Number> sums(c.vocabulary * c.features);
      Tally::reset();
      for (std::size_t i = 0; i < positions; ++i) {
        tokens.read(i);
        for (std::size_t f = 0; f < c.features; ++f) {
          const std::size_t at = i % c.vocabulary * c.features + f;
          if (phase == Phase::forward) {
            rows.write(i * c.features + f, table.read(at));
          } else {
            sums[at] = sums[at] + rows.read(i * c.features + f);
            table.write(at, sums[at]);
          }
        }
      }
      for (const std::size_t scalar : {4, 8}) {
        const Counts found = plan->counts({phase, c.batch, false}, scalar);
        EXPECT_EQ(found.flops, Tally::flops);
        EXPECT_EQ(found.matrix_flops, 0);
        EXPECT_EQ(found.bytes,
                  testing::traffic({&table, &rows}) * scalar + testing::traffic({&tokens}) * 4);
        EXPECT_EQ(found.working_set_bytes, found.bytes);
      }
    }
  }
}

const std::string kPositions = "kind = \"position_embedding\"\n";

template <class Space, class T>
void check_positions() {
  for (const auto& [shape, batch] :
       {std::pair<Shape, std::size_t>{{1, 1}, 1}, {{3, 5}, 4}, {{41, 67}, 9}}) {
    const auto plan = plan_of(kPositions, shape);
    LayerHarness<Space, T> layer(*plan, batch);
    const std::size_t size = size_of(shape);
    const Values x = testing::inputs_for(layer.inputs(), 1);
    const Values dy = testing::inputs_for(layer.outputs(), 2);
    Values expected, dw(size);
    for (std::size_t i = 0; i < x.size(); ++i) {
      expected.push_back(T(T(x[i]) + T(layer.parameters[0][i % size])));
      dw[i % size] += dy[i];
    }
    EXPECT_EQ(layer.forward(x), expected);
    const testing::Gradients found = layer.backward(x, dy);
    EXPECT_EQ(found.input, dy);
    EXPECT_LT(testing::relative_error(found.parameters[0], dw), sizeof(T) == 4 ? 1e-6 : 1e-15);
    EXPECT_EQ(layer.backward(x, dy, true).parameters, found.parameters);
  }
}

class PositionEmbeddingLayer : public testing::Computing {};

TEST_F(PositionEmbeddingLayer, AddsToEverySampleAndSumsGradientsOverTheBatch) {
#define RIDGELINE_CHECK(Space, T) check_positions<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(PositionEmbeddingLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const auto plan = plan_of(kPositions, {64, 130});
  LayerHarness<Kokkos::Serial, float> one(*plan, 20);
  LayerHarness<Kokkos::OpenMP, float> many(*plan, 20);
  const Values x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
  EXPECT_EQ(one.forward(x), many.forward(x));
  EXPECT_EQ(one.backward(x, dy).parameters, many.backward(x, dy).parameters);
}
#endif

TEST(PositionEmbeddingDescription, HasATableOfPositionsAndRefusesOtherShapes) {
  const auto plan = plan_of(kPositions, {7, 3});
  EXPECT_EQ(plan->output, (Shape{7, 3}));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 1u);
  EXPECT_EQ(parameters[0].name, "weight");
  EXPECT_EQ(parameters[0].shape, (Shape{7, 3}));
  EXPECT_EQ(parameters[0].initial, Initial::normal);
  EXPECT_TRUE(contains(refusal_of(kPositions, {7}),
                       "deck.toml:7: position_embedding needs a sequence [length, features], and "
                       "gets [7]"));
  EXPECT_TRUE(contains(refusal_of(kPositions + "length = 7", {7, 3}),
                       "deck.toml:8: unknown key \"length\""));
}

TEST(PositionEmbeddingCounts, EqualAPlainLoopInBothPhases) {
  const std::size_t batch = 4, size = 3 * 5;
  const auto plan = plan_of(kPositions, {3, 5});
  for (const bool input_gradient : {true, false}) {
    for (const Phase phase : {Phase::forward, Phase::backward}) {
      Array x(batch * size), y(batch * size), w(size);
      std::vector<Number> sums(size);
      Tally::reset();
      for (std::size_t i = 0; i < batch * size; ++i) {
        const Number in = x.read(i);  // or dy
        if (phase == Phase::forward) {
          y.write(i, in + w.read(i % size));
        } else {
          if (input_gradient) y.write(i, in);
          sums[i % size] = sums[i % size] + in;
          w.write(i % size, sums[i % size]);
        }
      }
      const Counts found = plan->counts({phase, batch, input_gradient}, 4);
      EXPECT_EQ(found.flops, Tally::flops);
      EXPECT_EQ(found.matrix_flops, 0);
      EXPECT_EQ(found.bytes, testing::traffic({&x, &y, &w}) * 4);
      EXPECT_EQ(found.working_set_bytes, testing::touched({&x, &y, &w}) * 4);
    }
  }
}

}  // namespace
}  // namespace ridgeline::layers
