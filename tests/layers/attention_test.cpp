#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using kernels::GemmBackend;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

std::string keys(std::size_t heads, bool causal) {
  return "kind = \"attention\"\nheads = " + std::to_string(heads) +
         (causal ? "\ncausal = true\n" : "\n");
}

// y[row, o] = Σ_i x[row, i] w[o, i] + b[o].
Values linear(const Values& x, const Values& w, const Values& b) {
  const std::size_t out = b.size(), in = w.size() / out;
  Values y;
  for (std::size_t row = 0; row < x.size() / in; ++row) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = b[o];
      for (std::size_t i = 0; i < in; ++i) sum += x[row * in + i] * w[o * in + i];
      y.push_back(sum);
    }
  }
  return y;
}

// Attention as in a textbook, with all of its scores.
Values definition(const std::vector<Values>& parameters, const Values& x, std::size_t length,
                  std::size_t width, std::size_t heads, bool causal) {
  const Values qkv = linear(x, parameters[0], parameters[1]);
  const std::size_t features = width / heads, rows = x.size() / width;
  Values output(x.size(), 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t sample = row / length;
    const std::size_t keys = causal ? row % length + 1 : length;
    for (std::size_t h = 0; h < heads; ++h) {
      const auto at = [&](std::size_t position, std::size_t part) {
        return qkv.data() + (position * 3 + part) * width + h * features;
      };
      Values weight(keys);
      double largest = -1e300, total = 0;
      for (std::size_t k = 0; k < keys; ++k) {
        for (std::size_t f = 0; f < features; ++f) {
          weight[k] += at(row, 0)[f] * at(sample * length + k, 1)[f];
        }
        weight[k] /= std::sqrt(double(features));
        largest = std::max(largest, weight[k]);
      }
      for (double& w : weight) total += w = std::exp(w - largest);
      for (std::size_t k = 0; k < keys; ++k) {
        for (std::size_t f = 0; f < features; ++f) {
          output[row * width + h * features + f] +=
              weight[k] / total * at(sample * length + k, 2)[f];
        }
      }
    }
  }
  return linear(output, parameters[2], parameters[3]);
}

struct Case {
  std::size_t length, heads, features, batch;
};

template <class Space, class T>
void check_forward() {
  // One position, heads of one feature, primes, a length of whole tiles and ones around it, several
  // tiles of keys, heads wider than a tile, enough for several threads.
  const Case cases[] = {{1, 1, 1, 1},   {1, 3, 5, 2},    {7, 2, 5, 3},  {31, 2, 1, 2},
                        {32, 1, 32, 1}, {33, 2, 7, 2},   {64, 4, 8, 3}, {67, 1, 37, 2},
                        {97, 3, 3, 1},  {150, 2, 16, 2}, {40, 1, 67, 1}};
  for (const Case& c : cases) {
    const std::size_t width = c.heads * c.features;
    for (const bool causal : {false, true}) {
      const auto plan = plan_of(keys(c.heads, causal), {c.length, width});
      for (const GemmBackend backend : {GemmBackend::native, GemmBackend::kokkos_kernels}) {
        LayerHarness<Space, T> layer(*plan, c.batch, backend);
        const Values x = testing::inputs_for(layer.inputs(), 1);
        const Values expected = definition(layer.parameters, x, c.length, width, c.heads, causal);
        for (const bool training : {true, false}) {
          EXPECT_LT(relative_error(layer.forward(x, training), expected),
                    sizeof(T) == 4 ? 3e-6 : 1e-14)
              << "length " << c.length << ", " << c.heads << " heads of " << c.features
              << (causal ? ", causal" : "");
        }
      }
    }
  }
}

class AttentionLayer : public testing::Computing {};

TEST_F(AttentionLayer, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// Scores of ±thousands: softmax without its maximum would overflow, and most weights are 0.
template <class Space, class T>
void check_large_scores() {
  const std::size_t length = 70, width = 4;
  for (const bool causal : {false, true}) {
    const auto plan = plan_of(keys(2, causal), {length, width});
    LayerHarness<Space, T> layer(*plan, 1);
    for (double& w : layer.parameters[0]) w *= 64;
    const Values x = testing::inputs_for(layer.inputs(), 1);
    const Values expected = definition(layer.parameters, x, length, width, 2, causal);
    EXPECT_LT(relative_error(layer.forward(x), expected), sizeof(T) == 4 ? 1e-3 : 1e-12);
    const testing::Gradients gradients = layer.backward(x, x);
    for (const double g : gradients.input) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST_F(AttentionLayer, LargeScoresNeitherOverflowNorBecomeNaN) {
#define RIDGELINE_CHECK(Space, T) check_large_scores<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_divergence() {
  const auto plan = plan_of(keys(1, true), {3, 2});
  LayerHarness<Space, T> layer(*plan, 1);
  Values x(6, 0.5);
  x[4] = std::nan("");
  const Values y = layer.forward(x);
  EXPECT_TRUE(std::isnan(y[4]) && std::isnan(y[5]));
}

TEST_F(AttentionLayer, PropagatesNaN) {
#define RIDGELINE_CHECK(Space, T) check_divergence<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward() {
  const Case cases[] = {{1, 1, 1, 1},  {1, 2, 3, 2},  {5, 2, 3, 2},
                        {17, 1, 5, 1}, {35, 2, 1, 1}, {9, 1, 33, 1}};
  for (const Case& c : cases) {
    for (const bool causal : {false, true}) {
      testing::check_gradients<Space>(
          *plan_of(keys(c.heads, causal), {c.length, c.heads * c.features}), c.batch,
          GemmBackend::native, 1e-7, 5e-6);
    }
  }
  testing::check_gradients<Space>(*plan_of(keys(2, true), {5, 4}), 2, GemmBackend::kokkos_kernels,
                                  1e-7, 5e-6);
}

TEST_F(AttentionLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// Many tiles: a derivative along one direction, since differences of every input would take long.
template <class Space>
void check_direction(const Case& c, bool causal) {
  const auto plan = plan_of(keys(c.heads, causal), {c.length, c.heads * c.features});
  LayerHarness<Space, double> layer(*plan, c.batch);
  for (Values& parameter : layer.parameters) {
    for (double& value : parameter) value *= 0.3;
  }
  const Values x = testing::inputs_for(layer.inputs(), 1);
  const Values dy = testing::inputs_for(layer.outputs(), 2);
  const testing::Gradients found = layer.backward(x, dy);
  const auto along = [&](Values& values, const Values& gradient, const char* what) {
    const Values direction = testing::inputs_for(values.size(), 3), before = values;
    const double h = 1e-6;
    double difference = 0, expected = 0, norm = 0;
    for (const double sign : {1.0, -1.0}) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = before[i] + sign * h * direction[i];
      }
      const Values y = layer.forward(x);
      for (std::size_t i = 0; i < y.size(); ++i) difference += sign * y[i] * dy[i] / (2 * h);
    }
    values = before;
    for (std::size_t i = 0; i < values.size(); ++i) {
      expected += gradient[i] * direction[i];
      norm += std::abs(gradient[i] * direction[i]);
    }
    EXPECT_NEAR(difference, expected, 1e-7 * norm) << what << ", length " << c.length;
  };
  for (std::size_t i = 0; i < layer.parameters.size(); ++i) {
    along(layer.parameters[i], found.parameters[i], plan->parameters()[i].name.c_str());
  }
  LayerHarness<Space, float> single(*plan, c.batch);
  single.parameters = layer.parameters;
  const testing::Gradients rounded = single.backward(x, dy);
  EXPECT_LT(relative_error(rounded.input, found.input), 1e-5);
  for (std::size_t i = 0; i < found.parameters.size(); ++i) {
    EXPECT_LT(relative_error(rounded.parameters[i], found.parameters[i]), 1e-5) << i;
  }
}

TEST_F(AttentionLayer, BackwardOverManyTilesMatchesDifferencesAlongADirection) {
#define RIDGELINE_CHECK(Space, T)                      \
  if (std::is_same_v<T, double>) {                     \
    for (const bool causal : {false, true}) {          \
      check_direction<Space>({133, 2, 5, 2}, causal);  \
      check_direction<Space>({200, 1, 32, 1}, causal); \
      check_direction<Space>({71, 1, 70, 1}, causal);  \
    }                                                  \
  }
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(AttentionLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const bool causal : {false, true}) {
    const auto plan = plan_of(keys(4, causal), {70, 32});
    LayerHarness<Kokkos::Serial, float> one(*plan, 5);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, 5);
    const Values x = testing::inputs_for(one.inputs(), 1),
                 dy = testing::inputs_for(one.outputs(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x));
    EXPECT_EQ(one.forward(x, false), many.forward(x, false));
    const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
    EXPECT_EQ(a.input, b.input);
    EXPECT_EQ(a.parameters, b.parameters);
  }
}
#endif

TEST(AttentionDescription, HasPyTorchsParameters) {
  const auto plan = plan_of(keys(2, false), {5, 6});
  EXPECT_EQ(plan->kind, "attention");
  EXPECT_EQ(plan->output, (Shape{5, 6}));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 4u);
  EXPECT_EQ(parameters[0].name, "in_proj_weight");
  EXPECT_EQ(parameters[0].shape, (Shape{18, 6}));
  EXPECT_EQ(parameters[0].initial, Initial::projection);
  EXPECT_EQ(parameters[0].fan_in, 6u);
  EXPECT_EQ(parameters[0].fan_out, 18u);
  EXPECT_EQ(parameters[1].name, "in_proj_bias");
  EXPECT_EQ(parameters[1].shape, (Shape{18}));
  EXPECT_EQ(parameters[1].initial, Initial::zeros);
  EXPECT_EQ(parameters[2].name, "out_proj.weight");
  EXPECT_EQ(parameters[2].shape, (Shape{6, 6}));
  EXPECT_EQ(parameters[2].initial, Initial::weight);
  EXPECT_EQ(parameters[2].default_fan, 6u);
  EXPECT_EQ(parameters[3].name, "out_proj.bias");
  EXPECT_EQ(parameters[3].shape, (Shape{6}));
  EXPECT_EQ(parameters[3].initial, Initial::zeros);
}

TEST(AttentionDescription, MemoryGrowsWithTheLengthAndNotWithItsSquare) {
  const std::size_t width = 32, batch = 3, workers = 2;
  const auto memory = [&](std::size_t length, bool on_device) {
    const auto plan = plan_of(keys(1, true), {length, width});
    Target target;
    target.on_device = on_device;
    target.workers = workers;
    return plan->saved(batch) + plan->workspace(target, batch, true);
  };
  for (const bool on_device : {false, true}) {
    // Ten times the length: ten times the memory, while scores would need a hundred times as much.
    EXPECT_LT(memory(10000, on_device), 10.5 * memory(1000, on_device));
    EXPECT_LT(memory(10000, on_device), batch * 10000u * 10000u / 10);
  }
}

TEST(AttentionDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string kind = "kind = \"attention\"\n";  // line 7; the next key is on line 8
  const Shape input = {5, 6};
  EXPECT_TRUE(
      contains(refusal_of(kind, input), "deck.toml:5: network.layer.layer.heads is missing"));
  EXPECT_TRUE(contains(refusal_of(kind + "heads = 0", input),
                       "deck.toml:8: network.layer.layer.heads must be an integer"));
  const std::string error = refusal_of(kind + "heads = 4", input);
  EXPECT_TRUE(contains(error, "deck.toml:8: network.layer.layer.heads must divide the 6 features"))
      << error;
  EXPECT_TRUE(contains(refusal_of(kind + "heads = 2\ncausal = 1", input),
                       "deck.toml:9: network.layer.layer.causal must be true or false"));
  EXPECT_TRUE(contains(refusal_of(kind + "heads = 2\nunits = 4", input),
                       "deck.toml:9: unknown key \"units\""));
  for (const Shape& wrong : {Shape{6}, Shape{2, 5, 6}}) {
    EXPECT_TRUE(contains(refusal_of(kind + "heads = 2", wrong),
                         "deck.toml:7: attention needs a sequence [length, features], and gets " +
                             ridgeline::to_string(wrong)));
  }
}

}  // namespace
}  // namespace ridgeline::layers
