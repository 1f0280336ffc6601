#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/layer_tables.hpp"

namespace ridgeline::layers {
namespace {

using kernels::Activation;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;

struct Case {
  Shape input;
  std::string keys;
  std::size_t batch;
};

std::string keys(const std::string& more) { return "kind = \"conv2d\"\n" + more + "\n"; }

// y[n, k, p, q] = f(b[k] + Σ w[k, c, r, s] x[n, c, p·stride + r·dilation - padding, …]).
std::vector<double> definition(const Case& c, const std::vector<std::vector<double>>& parameters,
                               const std::vector<double>& x) {
  const config::Deck deck = testing::deck_of_layers("[[network.layer]]\n" + keys(c.keys));
  const config::OptionTable& table = deck.network.layers.front();
  const kernels::ConvolutionShape s = testing::convolution_of(table, c.input, c.batch);
  const Activation activation =
      kernels::activation_named(table.string("activation", std::string("identity")));
  std::vector<double> y;
  for (std::size_t n = 0; n < c.batch; ++n) {
    for (int k = 0; k < s.filters; ++k) {
      for (int p = 0; p < s.height.out(); ++p) {
        for (int q = 0; q < s.width.out(); ++q) {
          double z = parameters.size() > 1 ? parameters[1][k] : 0.0;
          for (int d = 0; d < s.channels / s.groups; ++d) {
            for (int r = 0; r < s.height.kernel; ++r) {
              for (int t = 0; t < s.width.kernel; ++t) {
                const int h = p * s.height.stride + r * s.height.dilation - s.height.padding;
                const int w = q * s.width.stride + t * s.width.dilation - s.width.padding;
                if (h < 0 || h >= s.height.in || w < 0 || w >= s.width.in) continue;
                const int channel = k / (s.filters / s.groups) * (s.channels / s.groups) + d;
                z += x[((n * s.channels + channel) * s.height.in + h) * s.width.in + w] *
                     parameters[0][((k * (s.channels / s.groups) + d) * s.height.kernel + r) *
                                       s.width.kernel +
                                   t];
              }
            }
          }
          kernels::with_activation(activation,
                                   [&](auto f) { y.push_back(kernels::activate<f()>(z)); });
        }
      }
    }
  }
  return y;
}

// One pixel; LeNet's; a residual block's with its projection; every option; enough for several
// threads.
const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{1, 1, 1}, "channels = 1\nkernel = 1", 1},
      {{1, 28, 28}, "channels = 6\nkernel = 5\npadding = 2\nactivation = \"tanh\"", 3},
      {{6, 14, 14}, "channels = 16\nkernel = 5\nactivation = \"relu\"", 2},
      {{16, 14, 14}, "channels = 32\nkernel = 3\nstride = 2\npadding = 1\nbias = false", 5},
      {{16, 14, 14}, "channels = 32\nkernel = 1\nstride = 2\nbias = false", 3},
      {{4, 7, 11},
       "channels = 6\nkernel = [3, 2]\nstride = [1, 2]\npadding = [2, 1]\ndilation = [2, 1]\n"
       "groups = 2\nactivation = \"gelu\"",
       3},
      {{5, 9, 8}, "channels = 5\nkernel = 3\ngroups = 5\nactivation = \"silu\"", 2},
      {{16, 28, 28}, "channels = 33\nkernel = 3\npadding = 1\nactivation = \"relu\"", 9}};
  return list;
}

template <class Space, class T>
void check_forward() {
  for (const Case& c : cases()) {
    const auto plan = plan_of(keys(c.keys), c.input);
    LayerHarness<Space, T> layer(*plan, c.batch);
    const std::vector<double> x = testing::inputs_for(layer.inputs(), 1);
    const std::vector<double> expected = definition(c, layer.parameters, x);
    for (const bool training : {true, false}) {
      EXPECT_LT(relative_error(layer.forward(x, training), expected), sizeof(T) == 4 ? 2e-6 : 1e-14)
          << c.keys;
    }
  }
}

class Conv2dLayer : public testing::Computing {};

TEST_F(Conv2dLayer, ForwardMatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_backward() {
  const auto check = [](const Shape& input, const std::string& options, std::size_t batch) {
    SCOPED_TRACE(options);
    testing::check_gradients<Space>(*plan_of(keys(options), input), batch);
  };
  for (const std::string& f : kernels::activation_names()) {
    const std::string activation = "\nactivation = \"" + f + "\"";
    check({2, 4, 5}, "channels = 3\nkernel = 3\npadding = 1" + activation, 2);
    check({2, 5, 4}, "channels = 2\nkernel = 2\nstride = 2\nbias = false" + activation, 2);
  }
  check({1, 1, 1}, "channels = 1\nkernel = 1", 1);
  check({1, 7, 7}, "channels = 6\nkernel = 5\npadding = 2", 2);
  check({4, 6, 5}, "channels = 6\nkernel = 3\nstride = [2, 1]\npadding = [1, 2]\ngroups = 2", 2);
  check({3, 7, 8}, "channels = 3\nkernel = [2, 3]\ndilation = [3, 2]\nstride = [2, 3]\ngroups = 3",
        2);
  check({3, 5, 5}, "channels = 4\nkernel = 1\nstride = 2", 3);
}

TEST_F(Conv2dLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_backward<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(Conv2dLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const Case& c : cases()) {
    const auto plan = plan_of(keys(c.keys), c.input);
    LayerHarness<Kokkos::Serial, float> one(*plan, c.batch);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, c.batch);
    const auto x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x)) << c.keys;
    const testing::Gradients a = one.backward(x, dy), b = many.backward(x, dy);
    EXPECT_EQ(a.input, b.input) << c.keys;
    EXPECT_EQ(a.parameters, b.parameters) << c.keys;
  }
}
#endif

TEST(Conv2dDescription, HasPyTorchsParametersAndShapes) {
  const auto plan = plan_of(
      keys("channels = 6\nkernel = [3, 2]\nstride = [2, 1]\npadding = [1, 2]\ndilation = [1, 3]\n"
           "groups = 2\nactivation = \"relu\""),
      {4, 9, 7});
  EXPECT_EQ(plan->kind, "conv2d");
  EXPECT_EQ(plan->input, (Shape{4, 9, 7}));
  EXPECT_EQ(plan->output, (Shape{6, 5, 8}));  // (9 + 2 - 3) / 2 + 1, 7 + 4 - 4 + 1
  EXPECT_FALSE(plan->is_view(true));
  const std::vector<Parameter> parameters = plan->parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].name, "weight");
  EXPECT_EQ(parameters[0].shape, (Shape{6, 2, 3, 2}));
  EXPECT_EQ(parameters[0].initial, Initial::weight);
  EXPECT_EQ(parameters[1].name, "bias");
  EXPECT_EQ(parameters[1].shape, (Shape{6}));
  EXPECT_EQ(parameters[1].initial, Initial::bias);
  for (const Parameter& parameter : parameters) {
    EXPECT_EQ(parameter.fan_in, 12u);
    EXPECT_EQ(parameter.fan_out, 36u);
    EXPECT_EQ(parameter.default_fan, 12u);
    EXPECT_TRUE(parameter.trained);
  }
  EXPECT_EQ(plan_of(keys("channels = 1\nkernel = 1\nbias = false"), {1, 1, 1})->parameters().size(),
            1u);
}

TEST_F(Conv2dLayer, DefaultsArePyTorchs) {
  const auto plan = plan_of(keys("channels = 4\nkernel = 3"), {2, 8, 9});
  EXPECT_EQ(plan->output, (Shape{4, 6, 7}));
  EXPECT_EQ(plan->parameters().size(), 2u);
  const auto spelled = plan_of(keys("channels = 4\nkernel = [3, 3]\nstride = [1, 1]\n"
                                    "padding = [0, 0]\ndilation = [1, 1]\ngroups = 1\n"
                                    "bias = true\nactivation = \"identity\""),
                               {2, 8, 9});
  testing::expect_same_layer(*plan, *spelled);
}

TEST(Conv2dDescription, SavesOnlyWhatADerivativeNeeds) {
  for (const std::string& f : kernels::activation_names()) {
    const auto plan =
        plan_of(keys("channels = 3\nkernel = 2\nactivation = \"" + f + "\""), {1, 4, 5});
    const bool input = f == "gelu" || f == "gelu_tanh" || f == "silu" || f == "softplus";
    EXPECT_EQ(plan->saved(7), input ? 7u * 3 * 3 * 4 : 0u) << f;
  }
}

TEST(Conv2dDescription, NeedsNoBufferOfExpandedImages) {
  // An im2col buffer would hold 9 · 64 · 56 · 56 scalars per image.
  const auto plan = plan_of(keys("channels = 64\nkernel = 3\npadding = 1"), {64, 56, 56});
  Target target;
  target.workers = 2;
  EXPECT_LT(plan->workspace(target, 16, false), 9u * 64 * 56 * 56 / 2);
}

TEST(Conv2dDescription, RefusesBadOptionsByFileLineAndKey) {
  const Shape image = {4, 6, 8};
  const std::string begin = keys("channels = 6\nkernel = 3");  // lines 7 to 9, then line 10
  const std::string key = "deck.toml:10: network.layer.layer.";
  const auto refused = [&](const std::string& line) { return refusal_of(begin + line, image); };
  EXPECT_TRUE(contains(refusal_of(keys("kernel = 3"), image),
                       "deck.toml:5: network.layer.layer.channels is missing"));
  EXPECT_TRUE(contains(refusal_of(keys("channels = 3"), image),
                       "deck.toml:5: network.layer.layer.kernel is missing"));
  EXPECT_TRUE(contains(refusal_of(keys("channels = 0\nkernel = 3"), image),
                       "deck.toml:8: network.layer.layer.channels must be"));
  for (const char* kernel : {"0", "-1", "[3, 0]", "2.5", "[1, 2, 3]", "\"three\""}) {
    EXPECT_TRUE(contains(refusal_of(keys("channels = 6\nkernel = " + std::string(kernel)), image),
                         "deck.toml:9: network.layer.layer.kernel must be"))
        << kernel;
  }
  for (const char* option :
       {"stride = 0", "stride = [1, 0]", "stride = -2", "padding = -1", "padding = [0, -1]",
        "dilation = 0", "groups = 0", "bias = 1", "activation = \"rleu\""}) {
    const std::string name = std::string(option).substr(0, std::string(option).find(' '));
    EXPECT_TRUE(contains(refused(option), key + name + " must be")) << refused(option);
  }
  EXPECT_TRUE(contains(refused("groups = 3"), key + "groups = 3 must divide the input's channels"));
  EXPECT_TRUE(contains(refused("groups = 4"), key + "groups = 4 must divide channels = 6"));
  EXPECT_TRUE(contains(refused("kernels = 4"), "deck.toml:10: unknown key \"kernels\""));
}

TEST(Conv2dDescription, RefusesWhatDoesNotFitItsInput) {
  const auto kernel = [](const std::string& more) {
    return refusal_of(keys("channels = 6\n" + more), {4, 6, 8});
  };
  EXPECT_TRUE(contains(kernel("kernel = 7"), "deck.toml:9: network.layer.layer.kernel reaches"));
  EXPECT_TRUE(contains(kernel("kernel = [3, 9]"), "the padded width has 8"));
  EXPECT_TRUE(contains(kernel("kernel = 3\ndilation = 3"), "over 7 pixels"));
  EXPECT_EQ(kernel("kernel = 7\npadding = 1"), "none");
  EXPECT_EQ(kernel("kernel = 3\ndilation = 3\npadding = [1, 0]"), "none");
  for (const Shape& input : {Shape{4}, Shape{4, 6}, Shape{1, 4, 6, 8}}) {
    EXPECT_TRUE(contains(refusal_of(keys("channels = 6\nkernel = 1"), input),
                         "deck.toml:7: conv2d needs images [channels, height, width]"));
  }
}

}  // namespace
}  // namespace ridgeline::layers
