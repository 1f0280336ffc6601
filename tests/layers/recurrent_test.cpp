#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "io/scratch.hpp"
#include "layers/harness.hpp"

// lstm and gru: the same tests over two definitions.

namespace ridgeline::layers {
namespace {

using kernels::GemmBackend;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

const char* const kKinds[] = {"lstm", "gru"};

std::string keys(const std::string& kind, std::size_t units, bool sequence) {
  return "kind = \"" + kind + "\"\nunits = " + std::to_string(units) +
         (sequence ? "\nreturn_sequence = true" : "") + "\n";
}

double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

// W x + b of one gate's unit, which is row `row` of W.
double affine(const Values& w, const Values& b, std::size_t row, const double* x,
              std::size_t size) {
  double z = b[row];
  for (std::size_t k = 0; k < size; ++k) z += w[row * size + k] * x[k];
  return z;
}

// PyTorch's nn.LSTM and nn.GRU (one layer, batch_first, zero initial states) from the formulas of
// their documentation.
Values definition(const Layer& layer, bool sequence, const std::vector<Values>& parameters,
                  const Values& x) {
  const std::size_t length = layer.input[0], n = layer.input[1], units = layer.output.back();
  const Values &w_ih = parameters[0], &w_hh = parameters[1];
  const Values &b_ih = parameters[2], &b_hh = parameters[3];
  Values y;
  for (std::size_t sample = 0; sample < x.size() / (length * n); ++sample) {
    Values h(units), c(units);
    for (std::size_t t = 0; t < length; ++t) {
      const double* x_t = x.data() + (sample * length + t) * n;
      const Values before = h;
      for (std::size_t u = 0; u < units; ++u) {
        const auto p = [&](int gate) { return affine(w_ih, b_ih, gate * units + u, x_t, n); };
        const auto q = [&](int gate) {
          return affine(w_hh, b_hh, gate * units + u, before.data(), units);
        };
        if (layer.kind == "lstm") {
          const double i = sigmoid(p(0) + q(0)), f = sigmoid(p(1) + q(1));
          const double g = std::tanh(p(2) + q(2)), o = sigmoid(p(3) + q(3));
          c[u] = f * c[u] + i * g;
          h[u] = o * std::tanh(c[u]);
        } else {
          const double r = sigmoid(p(0) + q(0)), z = sigmoid(p(1) + q(1));
          h[u] = (1 - z) * std::tanh(p(2) + r * q(2)) + z * before[u];
        }
      }
      if (sequence || t + 1 == length) y.insert(y.end(), h.begin(), h.end());
    }
  }
  return y;
}

// Length, features, units, batch.
using Size = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>;

template <class Space, class T>
void check_forward() {
  // Ones, primes, one less and more than a vector and a panel of units, than a block's samples and
  // a tile's rows, enough for several threads, and more units than a device's team has threads.
  const Size sizes[] = {{1, 1, 1, 1},   {3, 2, 5, 1},   {2, 7, 15, 2},
                        {5, 3, 33, 3},  {4, 1, 32, 7},  {1, 5, 31, 17},
                        {7, 11, 13, 9}, {9, 6, 48, 33}, {3, 2, 530, 2}};
  for (const std::string kind : kKinds) {
    for (const auto& [length, features, units, batch] : sizes) {
      for (const bool sequence : {true, false}) {
        const auto plan = plan_of(keys(kind, units, sequence), {length, features});
        for (const GemmBackend backend : {GemmBackend::native, GemmBackend::kokkos_kernels}) {
          LayerHarness<Space, T> layer(*plan, batch, backend);
          for (std::size_t i = 0; i < 4; ++i) {
            for (double& value : layer.parameters[i]) value = T(value / std::sqrt(double(units)));
          }
          const Values x = testing::inputs_for(layer.inputs(), 1);
          const Values expected = definition(*plan, sequence, layer.parameters, x);
          for (const bool training : {true, false}) {
            EXPECT_LT(relative_error(layer.forward(x, training), expected),
                      sizeof(T) == 4 ? 2e-6 : 1e-14)
                << kind << " " << ridgeline::to_string(plan->input) << " to " << units << " batch "
                << batch << (sequence ? " sequence" : " last") << (training ? "" : " inference");
          }
        }
      }
    }
  }
}

class RecurrentLayer : public testing::Computing {};

TEST_F(RecurrentLayer, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward(GemmBackend backend) {
  for (const std::string kind : kKinds) {
    for (const bool sequence : {true, false}) {
      const auto check = [&](std::size_t length, std::size_t features, std::size_t units,
                             std::size_t batch) {
        SCOPED_TRACE(kind + (sequence ? " sequence" : " last"));
        testing::check_gradients<Space>(*plan_of(keys(kind, units, sequence), {length, features}),
                                        batch, backend, 1e-8, 4e-6);
      };
      check(1, 1, 1, 1);
      check(4, 3, 5, 2);
      check(2, 5, 3, 11);
      check(3, 2, 17, 3);
    }
  }
}

TEST_F(RecurrentLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>(GemmBackend::native);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(RecurrentLayer, BackwardMatchesFiniteDifferencesWithKokkosKernels) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>(GemmBackend::kokkos_kernels);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(RecurrentLayer, GradientsOfTheLastStepAreThoseOfALayerWithoutASequence) {
  for (const std::string kind : kKinds) {
    const Shape input = {6, 4};
    const std::size_t units = 7, batch = 5;
    const auto all = plan_of(keys(kind, units, true), input);
    const auto last = plan_of(keys(kind, units, false), input);
    LayerHarness<Kokkos::Serial, double> sequence(*all, batch), one(*last, batch);
    const Values x = testing::inputs_for(one.inputs(), 1),
                 dy = testing::inputs_for(one.outputs(), 2);
    Values wide(sequence.outputs());
    for (std::size_t sample = 0; sample < batch; ++sample) {
      for (std::size_t u = 0; u < units; ++u) {
        wide[(sample * input[0] + input[0] - 1) * units + u] = dy[sample * units + u];
      }
    }
    const testing::Gradients a = sequence.backward(x, wide), b = one.backward(x, dy);
    EXPECT_EQ(a.input, b.input) << kind;
    EXPECT_EQ(a.parameters, b.parameters) << kind;
  }
}

TEST_F(RecurrentLayer, LeavesTheInputsGradientOutOfAFirstLayerAndGivesTheOthers) {
  for (const std::string kind : kKinds) {
    const auto plan = plan_of(keys(kind, 9, true), {5, 3});
    LayerHarness<Kokkos::Serial, double> layer(*plan, 4);
    const Values x = testing::inputs_for(layer.inputs(), 1);
    const Values dy = testing::inputs_for(layer.outputs(), 2);
    EXPECT_EQ(layer.backward(x, dy, true).parameters, layer.backward(x, dy).parameters) << kind;
  }
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(RecurrentLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const std::string kind : kKinds) {
    for (const std::size_t batch : {1, 3, 37}) {
      const auto plan = plan_of(keys(kind, 70, true), {20, 50});
      LayerHarness<Kokkos::Serial, float> one(*plan, batch);
      LayerHarness<Kokkos::OpenMP, float> many(*plan, batch);
      const Values x = testing::inputs_for(one.inputs(), 1);
      const Values dy = testing::inputs_for(one.outputs(), 2);
      EXPECT_EQ(one.forward(x), many.forward(x)) << kind;
      const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
      EXPECT_EQ(a.input, b.input) << kind;
      EXPECT_EQ(a.parameters, b.parameters) << kind;
    }
  }
}
#endif

TEST(RecurrentDescription, HasPyTorchsParametersAndShapes) {
  for (const std::string kind : kKinds) {
    const std::size_t gates = kind == "lstm" ? 4 : 3;
    const auto plan = plan_of(keys(kind, 5, true), {7, 3});
    EXPECT_EQ(plan->kind, kind);
    EXPECT_EQ(plan->name, "layer");
    EXPECT_EQ(plan->output, (Shape{7, 5}));
    EXPECT_EQ(plan_of(keys(kind, 5, false), {7, 3})->output, (Shape{5}));
    EXPECT_FALSE(plan->is_view(true));
    const std::vector<Parameter> parameters = plan->parameters();
    ASSERT_EQ(parameters.size(), 4u);
    const char* const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    const Shape shapes[] = {{gates * 5, 3}, {gates * 5, 5}, {gates * 5}, {gates * 5}};
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(parameters[i].name, names[i]);
      EXPECT_EQ(parameters[i].shape, shapes[i]);
      EXPECT_EQ(parameters[i].initial, i < 2 ? Initial::weight : Initial::bias);
      EXPECT_EQ(parameters[i].default_fan, 5u);  // all uniform within 1 / sqrt(units)
      EXPECT_TRUE(parameters[i].trained);
    }
    EXPECT_EQ(parameters[0].fan_in, 3u);
    EXPECT_EQ(parameters[1].fan_in, 5u);
    EXPECT_EQ(parameters[0].fan_out, gates * 5);
    EXPECT_EQ(parameters[1].fan_out, gates * 5);
  }
}

TEST(RecurrentDescription, KeepsGatesStateAndOneMoreValuePerUnitAndStep) {
  for (const std::string kind : kKinds) {
    const std::size_t gates = kind == "lstm" ? 4 : 3, rows = 64 * 3;  // whole alignments
    EXPECT_EQ(plan_of(keys(kind, 64, true), {3, 9})->saved(64), rows * 64 * (gates + 2)) << kind;
  }
}

TEST(RecurrentDescription, RefusesBadOptionsByFileLineAndKey) {
  for (const std::string kind : kKinds) {
    const std::string head = "kind = \"" + kind + "\"\n";  // line 7; the next key is on line 8
    const Shape input = {4, 3};
    EXPECT_TRUE(
        contains(refusal_of(head, input), "deck.toml:5: network.layer.layer.units is missing"));
    for (const char* units : {"0", "-3", "2.5", "\"ten\"", "16385"}) {
      EXPECT_TRUE(contains(refusal_of(head + "units = " + units, input),
                           "deck.toml:8: network.layer.layer.units must be an integer"))
          << refusal_of(head + "units = " + units, input);
    }
    const std::string units = head + "units = 3\n";
    EXPECT_TRUE(contains(refusal_of(units + "return_sequence = 1", input),
                         "deck.toml:9: network.layer.layer.return_sequence must be true or false"));
    EXPECT_TRUE(contains(refusal_of(units + "layers = 2", input), "deck.toml:9: unknown key"));
    EXPECT_TRUE(
        contains(refusal_of(units, {4}),
                 "deck.toml:7: " + kind + " needs a sequence [length, features], and gets [4]"))
        << refusal_of(units, {4});
    EXPECT_TRUE(contains(refusal_of(units, {1, 28, 28}), "gets [1, 28, 28]"));
  }
}

}  // namespace
}  // namespace ridgeline::layers
