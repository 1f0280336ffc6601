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
using testing::relative_error;
using testing::Tally;
using Values = std::vector<double>;

const std::string kKind = "kind = \"layer_norm\"\n";

Values definition(const std::vector<Values>& parameters, const Values& x, double epsilon) {
  const std::size_t n = parameters[0].size();
  Values y;
  for (std::size_t row = 0; row < x.size() / n; ++row) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < n; ++i) mean += x[row * n + i] / n;
    for (std::size_t i = 0; i < n; ++i) variance += std::pow(x[row * n + i] - mean, 2) / n;
    for (std::size_t i = 0; i < n; ++i) {
      y.push_back((x[row * n + i] - mean) / std::sqrt(variance + epsilon) * parameters[0][i] +
                  parameters[1][i]);
    }
  }
  return y;
}

template <class Space, class T>
void check_forward() {
  struct Case {
    Shape input;
    std::size_t batch;
  };
  // One feature, primes, around vectors, more than one block of rows, one long row.
  const Case cases[] = {{{1}, 1},   {{7}, 3},       {{2, 3, 5}, 3},
                        {{33}, 40}, {{64, 128}, 5}, {{9001}, 2}};
  for (const Case& c : cases) {
    for (const double epsilon : {1e-5, 0.3}) {
      const auto plan = plan_of(kKind + "epsilon = " + std::to_string(epsilon), c.input);
      LayerHarness<Space, T> layer(*plan, c.batch);
      const Values x = testing::inputs_for(layer.inputs(), 1);
      const Values expected = definition(layer.parameters, x, epsilon);
      for (const bool training : {true, false}) {
        EXPECT_LT(relative_error(layer.forward(x, training), expected),
                  sizeof(T) == 4 ? 2e-6 : 1e-14)
            << ridgeline::to_string(c.input);
      }
    }
  }
}

class LayerNormLayer : public testing::Computing {};

TEST_F(LayerNormLayer, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// The difference of two large sums would lose all of this variance in float32.
template <class Space, class T>
void check_cancellation() {
  const auto plan = plan_of(kKind, {100});
  LayerHarness<Space, T> layer(*plan, 2);
  Values x = testing::inputs_for(layer.inputs(), 1);
  for (double& value : x) value = float(4096 + value);
  const Values expected = definition(layer.parameters, x, 1e-5);
  EXPECT_LT(relative_error(layer.forward(x), expected), sizeof(T) == 4 ? 1e-3 : 1e-11);
}

TEST_F(LayerNormLayer, VarianceFarFromZeroDoesNotCancel) {
#define RIDGELINE_CHECK(Space, T) check_cancellation<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward() {
  testing::check_gradients<Space>(*plan_of(kKind, {7}), 3);
  testing::check_gradients<Space>(*plan_of(kKind + "epsilon = 0.1", {2, 3, 5}), 2);
  testing::check_gradients<Space>(*plan_of(kKind, {37}), 2);
  testing::check_gradients<Space>(*plan_of(kKind, {20, 3}), 3);  // several blocks of rows
}

template <class Space, class T>
void check_one_feature() {
  const auto plan = plan_of(kKind + "epsilon = 0.5", {1});
  LayerHarness<Space, T> layer(*plan, 3);
  const testing::Gradients found = layer.backward({1, -2, 0.3}, {0.7, 3, -1});
  for (const double dx : found.input) EXPECT_NEAR(dx, 0, 1e-6);  // y is the bias, whatever x is
  EXPECT_NEAR(found.parameters[0][0], 0, 1e-6);
  EXPECT_NEAR(found.parameters[1][0], 2.7, 1e-6);
}

TEST_F(LayerNormLayer, OfOneFeatureDependsOnTheBiasAlone) {
#define RIDGELINE_CHECK(Space, T) check_one_feature<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(LayerNormLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(LayerNormLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const auto plan = plan_of(kKind, {64, 130});
  LayerHarness<Kokkos::Serial, float> one(*plan, 20);
  LayerHarness<Kokkos::OpenMP, float> many(*plan, 20);
  const Values x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
  EXPECT_EQ(one.forward(x), many.forward(x));
  const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.parameters, b.parameters);
}
#endif

TEST(LayerNormDescription, HasPyTorchsParametersAndKeepsTwoValuesPerRow) {
  const auto plan = plan_of(kKind, {2, 3, 4});
  EXPECT_EQ(plan->kind, "layer_norm");
  EXPECT_EQ(plan->output, (Shape{2, 3, 4}));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].name, "weight");
  EXPECT_EQ(parameters[0].shape, (Shape{4}));
  EXPECT_EQ(parameters[0].initial, Initial::ones);
  EXPECT_EQ(parameters[1].name, "bias");
  EXPECT_EQ(parameters[1].shape, (Shape{4}));
  EXPECT_EQ(parameters[1].initial, Initial::zeros);
  EXPECT_EQ(plan->saved(5), 2u * 5 * 6);
  EXPECT_EQ(plan->workspace({}, 5, false), 0u);
}

TEST_F(LayerNormLayer, DefaultEpsilonIsPyTorchs) {
  testing::expect_same_layer(*plan_of(kKind, {3, 4}), *plan_of(kKind + "epsilon = 1e-5", {3, 4}));
}

TEST(LayerNormDescription, RefusesBadOptionsByFileLineAndKey) {
  for (const char* epsilon : {"0", "-1e-5", "\"small\"", "inf"}) {
    EXPECT_TRUE(contains(refusal_of(kKind + "epsilon = " + epsilon),
                         "deck.toml:8: network.layer.layer.epsilon must be"))
        << epsilon;
  }
  EXPECT_TRUE(contains(refusal_of(kKind + "eps = 1"), "deck.toml:8: unknown key \"eps\""));
}

TEST(LayerNormCounts, EqualAPlainLoopInBothPhases) {
  const std::size_t batch = 3, rows = batch * 2, n = 5;
  const auto plan = plan_of(kKind, {2, n});
  const auto expect = [&](Phase phase, bool input_gradient, const std::vector<const Array*>& used) {
    for (const std::size_t scalar : {4, 8}) {
      const Counts found = plan->counts({phase, batch, input_gradient}, scalar);
      EXPECT_EQ(found.flops, Tally::flops);
      EXPECT_EQ(found.matrix_flops, 0);
      EXPECT_EQ(found.bytes, testing::traffic(used) * scalar);
      EXPECT_EQ(found.working_set_bytes, testing::touched(used) * scalar);
    }
  };
  const Number count{double(n)}, epsilon{1e-5};
  {
    Array x(rows * n), y(rows * n), w(n), b(n);
    Tally::reset();
    for (std::size_t row = 0; row < rows; ++row) {
      Number sum, squares;
      for (std::size_t i = 0; i < n; ++i) sum = sum + x.read(row * n + i);
      const Number mean = sum / count;
      std::vector<Number> d(n);
      for (std::size_t i = 0; i < n; ++i) {
        d[i] = x.read(row * n + i) - mean;
        squares = squares + d[i] * d[i];
      }
      const Number deviation = testing::counted(std::sqrt((squares / count + epsilon).value));
      const Number inverse = Number{1} / deviation;
      for (std::size_t i = 0; i < n; ++i) {
        y.write(row * n + i, d[i] * inverse * w.read(i) + b.read(i));
      }
    }
    expect(Phase::forward, true, {&x, &y, &w, &b});
    expect(Phase::forward, false, {&x, &y, &w, &b});
  }
  for (const bool input_gradient : {true, false}) {
    // Mean and inverse deviation are kept from the forward pass, a buffer that is not counted.
    Array x(rows * n), dy(rows * n), dx(rows * n), w(n), dw(n), db(n);
    const Number mean, inverse;
    std::vector<Number> weight_sum(n), bias_sum(n);
    Tally::reset();
    for (std::size_t row = 0; row < rows; ++row) {
      Number gradients, products;
      std::vector<Number> normal(n), g(n);
      for (std::size_t i = 0; i < n; ++i) {
        normal[i] = (x.read(row * n + i) - mean) * inverse;
        weight_sum[i] = weight_sum[i] + dy.read(row * n + i) * normal[i];
        bias_sum[i] = bias_sum[i] + dy.read(row * n + i);
      }
      if (!input_gradient) continue;
      for (std::size_t i = 0; i < n; ++i) {
        g[i] = dy.read(row * n + i) * w.read(i);
        gradients = gradients + g[i];
        products = products + g[i] * normal[i];
      }
      const Number mean_gradient = gradients / count, mean_product = products / count;
      for (std::size_t i = 0; i < n; ++i) {
        dx.write(row * n + i, inverse * (g[i] - mean_gradient - normal[i] * mean_product));
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      dw.write(i, weight_sum[i]);
      db.write(i, bias_sum[i]);
    }
    expect(Phase::backward, input_gradient, {&x, &dy, &dx, &w, &dw, &db});
  }
}

}  // namespace
}  // namespace ridgeline::layers
