#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/batch_norm.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using testing::BatchNormDefinition;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

const std::string kKind = "kind = \"batch_norm\"\n";

struct Case {
  Shape input;
  std::size_t batch;

  BatchNormDefinition definition() const {
    const bool image = input.size() == 3;
    const std::size_t c = image ? input.front() : input.back();
    const std::size_t inner = image ? input[1] * input[2] : 1;
    return {batch * size_of(input) / (c * inner), c, inner};
  }
};

// Planes below, at and above a vector, with and without a remainder; several groups and chunks;
// rows of one and of many features; positions of a sequence.
const Case kCases[] = {{{3, 1, 1}, 5},    {{2, 2, 2}, 3},   {{3, 3, 5}, 4},     {{5, 4, 4}, 7},
                       {{3, 7, 7}, 33},   {{70, 5, 7}, 9},  {{16, 14, 14}, 33}, {{1, 9, 28}, 2},
                       {{1}, 2},          {{10}, 7},        {{300}, 1031},      {{4, 6}, 5},
                       {{2, 3, 4, 5}, 3}, {{6, 28, 28}, 40}};

// Values around a mean that differs by channel.
Values values_for(const Case& c, std::uint64_t seed) {
  const BatchNormDefinition definition = c.definition();
  Values x = testing::inputs_for(c.batch * size_of(c.input), seed);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = double(float(3 * x[i] + double(definition.channel_of(i) % 5)));
  }
  return x;
}

// Parameters of which the running variance is positive.
template <class Space, class T>
void make_variances_positive(LayerHarness<Space, T>& layer) {
  for (double& variance : layer.parameters[3]) variance = double(float(1.5 + variance));
}

template <class Space, class T>
void check_forward() {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-13;
  for (const Case& c : kCases) {
    BatchNormDefinition definition = c.definition();
    definition.momentum = 0.25;
    definition.epsilon = 1e-3;
    const auto plan = plan_of(kKind + "momentum = 0.25\nepsilon = 1e-3", c.input);
    EXPECT_EQ(plan->output, c.input);
    LayerHarness<Space, T> layer(*plan, c.batch);
    make_variances_positive(layer);
    const Values x = values_for(c, 1);
    Values mean, variance;
    definition.statistics(x, mean, variance);
    const auto& p = layer.parameters;
    const auto text = ridgeline::to_string(c.input);
    const Values trained = definition.output(definition.normalised(x, mean, variance), p[0], p[1]);
    EXPECT_LT(relative_error(layer.forward(x, true), trained), tolerance) << text;
    EXPECT_LT(relative_error(layer.parameters_after[2], definition.moved_mean(p[2], mean)),
              tolerance)
        << text;
    EXPECT_LT(relative_error(layer.parameters_after[3], definition.moved_variance(p[3], variance)),
              tolerance)
        << text;
    EXPECT_EQ(layer.parameters_after[0].size(), definition.channels);
    const Values inferred = definition.output(definition.normalised(x, p[2], p[3]), p[0], p[1]);
    EXPECT_LT(relative_error(layer.forward(x, false), inferred), tolerance) << text;
    // Inference does not change the statistics.
    for (const int i : {2, 3}) {
      const std::vector<T> before(p[std::size_t(i)].begin(), p[std::size_t(i)].end());
      const Values& after = layer.parameters_after[std::size_t(i)];
      EXPECT_EQ(std::vector<T>(after.begin(), after.end()), before);
    }
  }
}

class BatchNormLayer : public testing::Computing {};

TEST_F(BatchNormLayer, ForwardMatchesTheDefinitionInBothModes) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_backward() {
  const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-12;
  for (const Case& c : kCases) {
    const BatchNormDefinition definition = c.definition();
    const auto plan = plan_of(kKind, c.input);
    LayerHarness<Space, T> layer(*plan, c.batch);
    const Values x = values_for(c, 1), dy = testing::inputs_for(x.size(), 2);
    Values weight_gradient, bias_gradient, dx;
    definition.gradients(x, dy, layer.parameters[0], weight_gradient, bias_gradient, dx);
    const testing::Gradients found = layer.backward(x, dy);
    const std::string text = ridgeline::to_string(c.input);
    if (definition.count() > 2) {  // with two values dx is only rounding
      EXPECT_LT(relative_error(found.input, dx), tolerance) << text;
    }
    EXPECT_LT(relative_error(found.parameters[0], weight_gradient), tolerance) << text;
    EXPECT_LT(relative_error(found.parameters[1], bias_gradient), tolerance) << text;
    EXPECT_TRUE(found.parameters[2].empty() && found.parameters[3].empty());
    EXPECT_EQ(layer.backward(x, dy, true).parameters, found.parameters) << text;
  }
}

TEST_F(BatchNormLayer, BackwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_backward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_differences() {
  const auto check = [](const Shape& shape, std::size_t batch, const std::string& keys = "") {
    testing::check_gradients<Space>(*plan_of(kKind + keys, shape), batch,
                                    kernels::GemmBackend::native, 1e-7, 2e-5);
  };
  check({2, 3, 3}, 3);
  check({2, 4, 5}, 2, "epsilon = 0.5");
  check({3}, 7);
  check({2, 3}, 4, "momentum = 1.0");
}

TEST_F(BatchNormLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_differences<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// A variance of which E[x²] - E[x]² has no correct digit in float32.
template <class Space, class T>
void check_large_mean() {
  for (const Case& c : {Case{{3, 20, 21}, 30}, Case{{5}, 3000}}) {
    const auto plan = plan_of(kKind, c.input);
    LayerHarness<Space, T> layer(*plan, c.batch);
    const BatchNormDefinition definition = c.definition();
    Values x = values_for(c, 1);
    for (double& value : x) value = double(float(value + 3e4));
    Values mean, variance;
    definition.statistics(x, mean, variance);
    const Values expected = definition.output(definition.normalised(x, mean, variance),
                                              layer.parameters[0], layer.parameters[1]);
    // The mean itself is known to 2e-3 in float32, a thousandth of the deviation.
    EXPECT_LT(relative_error(layer.forward(x), expected), sizeof(T) == 4 ? 2e-3 : 1e-10);
    EXPECT_LT(relative_error(layer.parameters_after[3],
                             definition.moved_variance(layer.parameters[3], variance)),
              sizeof(T) == 4 ? 1e-5 : 1e-11);
  }
}

TEST_F(BatchNormLayer, KeepsTheVarianceOfValuesFarFromZero) {
#define RIDGELINE_CHECK(Space, T) check_large_mean<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_one_value() {
  const auto plan = plan_of(kKind, {3});
  LayerHarness<Space, T> layer(*plan, 1);
  const Values y = layer.forward({1, -2, 3});
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(y[c], double(T(layer.parameters[1][c])));
    EXPECT_NEAR(layer.parameters_after[3][c], 0.9 * layer.parameters[3][c], 1e-6);
  }
  EXPECT_EQ(layer.backward({1, -2, 3}, {1, 1, 1}).input, (Values{0, 0, 0}));
}

TEST_F(BatchNormLayer, OfOneValuePerChannelHasNoVarianceAndNoNaN) {
#define RIDGELINE_CHECK(Space, T) check_one_value<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_nan() {
  for (const Shape& shape : {Shape{2, 5, 5}, Shape{2}}) {
    const auto plan = plan_of(kKind, shape);
    LayerHarness<Space, T> layer(*plan, 4);
    Values x = testing::inputs_for(layer.inputs(), 1);
    x.back() = std::nan("");  // of channel 1
    EXPECT_TRUE(std::isnan(layer.forward(x).back()));
    // The running statistics of that channel do not change: the step may be skipped.
    const Values before = layer.parameters[3];
    EXPECT_NE(layer.parameters_after[3][0], before[0]);
    EXPECT_EQ(layer.parameters_after[3][1], before[1]);
  }
}

TEST_F(BatchNormLayer, PropagatesNaN) {
#define RIDGELINE_CHECK(Space, T) check_nan<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(BatchNormLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const Case& c : {Case{{16, 14, 14}, 64}, Case{{96}, 2000}}) {
    const auto plan = plan_of(kKind, c.input);
    LayerHarness<Kokkos::Serial, float> one(*plan, c.batch);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, c.batch);
    const Values x = values_for(c, 1), dy = testing::inputs_for(x.size(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x));
    EXPECT_EQ(one.parameters_after, many.parameters_after);
    const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
    EXPECT_EQ(a.input, b.input);
    EXPECT_EQ(a.parameters, b.parameters);
  }
}
#endif

TEST(BatchNormDescription, HasPyTorchsParametersOfWhichTheStatisticsAreNotTrained) {
  const auto plan = plan_of(kKind, {5, 3, 4});
  const std::vector<Parameter> parameters = plan->parameters();
  const char* const names[] = {"weight", "bias", "running_mean", "running_var"};
  const Initial initial[] = {Initial::ones, Initial::zeros, Initial::zeros, Initial::ones};
  ASSERT_EQ(parameters.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(parameters[i].name, names[i]);
    EXPECT_EQ(parameters[i].shape, (Shape{5}));
    EXPECT_EQ(parameters[i].initial, initial[i]);
    EXPECT_EQ(parameters[i].trained, i < 2);
  }
  EXPECT_EQ(plan_of(kKind, {7, 3})->parameters()[0].shape, (Shape{3}));
  EXPECT_EQ(plan_of(kKind, {7})->parameters()[0].shape, (Shape{7}));
}

TEST_F(BatchNormLayer, DefaultsArePyTorchs) {
  testing::expect_same_layer(*plan_of(kKind, {5, 3, 4}),
                             *plan_of(kKind + "momentum = 0.1\nepsilon = 1e-5", {5, 3, 4}));
}

TEST(BatchNormDescription, KeepsTwoNumbersAChannelAndNeedsNoMemoryToInfer) {
  const auto plan = plan_of(kKind, {5, 30, 40});
  EXPECT_EQ(plan->saved(17), 10u);
  Target target;
  EXPECT_EQ(plan->workspace(target, 17, false), 0u);
  EXPECT_GE(plan->workspace(target, 17, true), 10u);
  EXPECT_LT(plan->workspace(target, 17, true), 17 * size_of(plan->input) / 20);
  // A smaller batch fits in the memory of a larger one.
  for (const bool on_device : {false, true}) {
    target.on_device = on_device;
    for (const Shape& shape : {Shape{5, 30, 40}, Shape{3, 2, 2}, Shape{40}, Shape{9, 4}}) {
      const auto any = plan_of(kKind, shape);
      for (std::size_t batch = 1; batch < 400; ++batch) {
        EXPECT_LE(any->workspace(target, batch, true), any->workspace(target, batch + 1, true));
      }
    }
  }
}

TEST(BatchNormDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string layer = "deck.toml:8: network.layer.layer.";
  for (const char* momentum : {"-0.1", "1.5", "\"much\"", "nan"}) {
    EXPECT_TRUE(contains(refusal_of(kKind + "momentum = " + momentum), layer + "momentum must be"));
  }
  for (const char* epsilon : {"0", "-1e-5", "true"}) {
    EXPECT_TRUE(contains(refusal_of(kKind + "epsilon = " + epsilon), layer + "epsilon must be"));
  }
  EXPECT_TRUE(contains(refusal_of(kKind + "eps = 1e-5"), "deck.toml:8: unknown key \"eps\""));
}

using testing::Array;
using testing::Number;
using testing::Tally;

TEST(BatchNormCounts, EqualAPlainLoop) {
  for (const Case& c : {Case{{3, 2, 5}, 4}, Case{{7}, 3}, Case{{2, 3}, 5}}) {
    const auto plan = plan_of(kKind, c.input);
    const BatchNormDefinition d = c.definition();
    const std::size_t size = c.batch * size_of(c.input);
    const auto expect = [&](Phase phase, bool input_gradient,
                            const std::vector<const Array*>& arrays) {
      for (const std::size_t scalar : {4, 8}) {
        const Counts found = plan->counts({phase, c.batch, input_gradient}, scalar);
        EXPECT_EQ(found.flops, Tally::flops) << ridgeline::to_string(c.input);
        EXPECT_EQ(found.matrix_flops, 0);
        EXPECT_EQ(found.bytes, testing::traffic(arrays) * double(scalar));
        EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * double(scalar));
      }
    };
    const Number count{double(size / d.channels)};
    const auto values_of = [&](std::size_t channel) {
      std::vector<std::size_t> mine;
      for (std::size_t i = 0; i < size; ++i) {
        if (d.channel_of(i) == channel) mine.push_back(i);
      }
      return mine;
    };
    {
      Array x(size), y(size), weight(d.channels), bias(d.channels);
      Array running_mean(d.channels), running_var(d.channels);
      Tally::reset();
      for (std::size_t k = 0; k < d.channels; ++k) {
        Number sum, squares;
        for (const std::size_t i : values_of(k)) sum = sum + x.read(i);
        const Number mean = sum / count;
        std::vector<Number> deviations;
        for (const std::size_t i : values_of(k)) {
          deviations.push_back(x.read(i) - mean);
          squares = squares + deviations.back() * deviations.back();
        }
        const Number variance = squares / count;
        const Number inverse = Number{1} / exp(variance + Number{1e-5});  // as a square root
        const Number scale = inverse * weight.read(k);
        std::size_t at = 0;
        for (const std::size_t i : values_of(k))
          y.write(i, deviations[at++] * scale + bias.read(k));
        // The running statistics, whose constants are known beforehand.
        (void)(Number{0.9} * running_mean.read(k) + Number{0.1} * mean);
        (void)(Number{0.9} * running_var.read(k) + Number{0.1} * (variance * Number{1.01}));
      }
      expect(Phase::forward, true, {&x, &y, &weight, &bias, &running_mean, &running_var});
    }
    {
      Array x(size), y(size), weight(d.channels), bias(d.channels);
      Array running_mean(d.channels), running_var(d.channels);
      Tally::reset();
      for (std::size_t k = 0; k < d.channels; ++k) {
        const Number root = exp(running_var.read(k) + Number{1e-5});  // as a square root
        const Number scale = weight.read(k) / root;
        const Number shift = bias.read(k) - running_mean.read(k) * scale;
        for (const std::size_t i : values_of(k)) y.write(i, x.read(i) * scale + shift);
      }
      const Counts found = plan->counts({Phase::forward, c.batch, true, false}, sizeof(float));
      EXPECT_EQ(found.flops, Tally::flops);
      EXPECT_EQ(found.bytes,
                4 * testing::traffic({&x, &y, &weight, &bias, &running_mean, &running_var}));
    }
    for (const bool input_gradient : {true, false}) {
      Array x(size), dy(size), dx(size), weight(d.channels), dw(d.channels), db(d.channels);
      const Number mean{0.5}, inverse{2};  // recomputed from x by the formula, and not counted
      Tally::reset();
      for (std::size_t k = 0; k < d.channels; ++k) {
        Number sum, product;
        std::vector<Number> deviations;
        for (const std::size_t i : values_of(k)) {
          sum = sum + dy.read(i);
          deviations.push_back(x.read(i) - mean);
          product = product + dy.read(i) * deviations.back();
        }
        const Number weight_gradient = inverse * product;
        db.write(k, sum);
        dw.write(k, weight_gradient);
        if (!input_gradient) continue;
        const Number mean_gradient = sum / count, factor = inverse * weight_gradient / count;
        const Number scale = inverse * weight.read(k);
        std::size_t at = 0;
        for (const std::size_t i : values_of(k)) {
          dx.write(i, (dy.read(i) - mean_gradient - deviations[at++] * factor) * scale);
        }
      }
      expect(Phase::backward, input_gradient, {&x, &dy, &dx, &weight, &dw, &db});
    }
  }
}

}  // namespace
}  // namespace ridgeline::layers
