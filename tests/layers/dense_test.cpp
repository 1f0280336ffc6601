#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/activations.hpp"

namespace ridgeline::layers {
namespace {

using kernels::GemmBackend;
using testing::activated;
using testing::activation_functions;
using testing::ActivationFunction;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;

std::string keys(std::size_t units, bool bias, const std::string& activation) {
  return "kind = \"dense\"\nunits = " + std::to_string(units) + (bias ? "" : "\nbias = false") +
         "\nactivation = \"" + activation + "\"\n";
}

// y[row, o] = f(sum over i of x[row, i] w[o, i] + b[o]).
std::vector<double> definition(const std::vector<std::vector<double>>& parameters,
                               const std::vector<double>& x, std::size_t in, std::size_t out,
                               const std::string& activation) {
  std::vector<double> y;
  for (std::size_t row = 0; row < x.size() / in; ++row) {
    for (std::size_t o = 0; o < out; ++o) {
      double z = parameters.size() > 1 ? parameters[1][o] : 0.0;
      for (std::size_t i = 0; i < in; ++i) z += x[row * in + i] * parameters[0][o * in + i];
      y.push_back(activated(activation, z));
    }
  }
  return y;
}

template <class Space, class T>
void check_forward() {
  struct Case {
    Shape input;
    std::size_t units, batch;
  };
  // One row and column, primes, a sample of three dimensions, enough for several threads.
  const Case cases[] = {
      {{1}, 1, 1}, {{7}, 13, 3}, {{2, 3, 5}, 11, 3}, {{65}, 10, 33}, {{120}, 97, 64}};
  for (const Case& c : cases) {
    for (const bool bias : {true, false}) {
      for (const ActivationFunction& function : activation_functions()) {
        const std::string activation = function.name;
        const auto plan = plan_of(keys(c.units, bias, activation), c.input);
        for (const GemmBackend backend : {GemmBackend::native, GemmBackend::kokkos_kernels}) {
          LayerHarness<Space, T> layer(*plan, c.batch, backend);
          const std::vector<double> x = testing::inputs_for(layer.inputs(), 1);
          const std::vector<double> expected =
              definition(layer.parameters, x, c.input.back(), c.units, activation);
          for (const bool training : {true, false}) {
            EXPECT_LT(relative_error(layer.forward(x, training), expected),
                      sizeof(T) == 4 ? 2e-6 : 1e-14)
                << ridgeline::to_string(c.input) << " to " << c.units << " " << activation;
          }
        }
      }
    }
  }
}

class DenseLayer : public testing::Computing {};

TEST_F(DenseLayer, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward(GemmBackend backend) {
  for (const ActivationFunction& function : activation_functions()) {
    const std::string activation = function.name;
    for (const bool bias : {true, false}) {
      testing::check_gradients<Space>(*plan_of(keys(5, bias, activation), {7}), 3, backend);
    }
    testing::check_gradients<Space>(*plan_of(keys(3, true, activation), {2, 3, 4}), 2, backend);
  }
  testing::check_gradients<Space>(*plan_of(keys(1, true, "tanh"), {1}), 1, backend);
  testing::check_gradients<Space>(*plan_of(keys(17, true, "gelu"), {16}), 15, backend);
}

TEST_F(DenseLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>(GemmBackend::native);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(DenseLayer, BackwardMatchesFiniteDifferencesWithKokkosKernels) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>(GemmBackend::kokkos_kernels);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(DenseLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const ActivationFunction& function : activation_functions()) {
    const std::string activation = function.name;
    const auto plan = plan_of(keys(96, true, activation), {150});
    LayerHarness<Kokkos::Serial, float> one(*plan, 70);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, 70);
    const auto x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x)) << activation;
    const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
    EXPECT_EQ(a.input, b.input) << activation;
    EXPECT_EQ(a.parameters, b.parameters) << activation;
  }
}
#endif

TEST(DenseDescription, HasPyTorchsParametersAndWorksOnTheLastDimension) {
  const auto plan = plan_of(keys(5, true, "relu"), {2, 3, 4});
  EXPECT_EQ(plan->kind, "dense");
  EXPECT_EQ(plan->name, "layer");
  EXPECT_EQ(plan->input, (Shape{2, 3, 4}));
  EXPECT_EQ(plan->output, (Shape{2, 3, 5}));
  EXPECT_FALSE(plan->is_view(true));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].name, "weight");
  EXPECT_EQ(parameters[0].shape, (Shape{5, 4}));
  EXPECT_EQ(parameters[0].fan_in, 4u);
  EXPECT_EQ(parameters[0].fan_out, 5u);
  EXPECT_EQ(parameters[1].name, "bias");
  EXPECT_EQ(parameters[1].shape, (Shape{5}));
  EXPECT_EQ(plan_of(keys(5, false, "relu"), {4})->parameters().size(), 1u);
}

TEST(DenseDescription, KeepsWhatTheDerivativeNeedsAndNothingElse) {
  for (const char* activation : {"gelu", "gelu_tanh", "silu", "softplus"}) {
    EXPECT_EQ(plan_of(keys(5, true, activation), {3, 4})->saved(2), 2u * 3 * 5) << activation;
  }
  for (const char* activation : {"identity", "relu", "leaky_relu", "tanh", "sigmoid"}) {
    EXPECT_EQ(plan_of(keys(5, true, activation), {3, 4})->saved(2), 0u) << activation;
  }
}

TEST(DenseDescription, RefusesBadOptionsByFileLineAndKey) {
  const std::string kind = "kind = \"dense\"\n";  // line 7; the next key is on line 8
  EXPECT_TRUE(contains(refusal_of(kind), "deck.toml:5: network.layer.layer.units is missing"));
  for (const char* units : {"0", "-3", "2.5", "\"ten\"", "99999999999"}) {
    EXPECT_TRUE(contains(refusal_of(kind + "units = " + units),
                         "deck.toml:8: network.layer.layer.units must be an integer"));
  }
  const std::string units = kind + "units = 3\n";
  EXPECT_TRUE(contains(refusal_of(units + "bias = 1"),
                       "deck.toml:9: network.layer.layer.bias must be true or false"));
  EXPECT_TRUE(contains(refusal_of(units + "activation = \"rleu\""),
                       "deck.toml:9: network.layer.layer.activation must be one of"));
  EXPECT_TRUE(contains(refusal_of(units + "unit = 4"), "deck.toml:9: unknown key \"unit\""));
}

}  // namespace
}  // namespace ridgeline::layers
