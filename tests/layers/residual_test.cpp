#include <gtest/gtest.h>

#include "layers/harness.hpp"
#include "support/activations.hpp"
#include "support/tally.hpp"

// The sum at a residual's end. tests/network has residuals with their layers.

namespace ridgeline::layers {
namespace {

using testing::inputs_for;
using testing::relative_error;

std::unique_ptr<Layer> residual(const std::string& function, const Shape& shape) {
  return testing::plan_of("kind = \"residual\"\nactivation = \"" + function + "\"", shape);
}

template <class Space, class T>
void check_sum() {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    for (const std::size_t size : {1, 37, 30011}) {
      const auto xs = inputs_for(2 * size, 1), dy = inputs_for(size, 3);
      std::vector<double> y, dx;
      constexpr double h = 1e-5;
      for (std::size_t i = 0; i < size; ++i) {
        const double z = xs[i] + xs[size + i];
        y.push_back(function.f(z));
        dx.push_back(dy[i] * (function.f(z + h) - function.f(z - h)) / (2 * h));
      }
      dx.insert(dx.end(), dx.begin(), dx.end());  // of both branches
      const auto layer = residual(function.name, {size});
      testing::LayerHarness<Space, T> harness(*layer, 1);
      EXPECT_LT(relative_error(harness.forward(xs), y), sizeof(T) == 4 ? 1e-6 : 1e-14)
          << function.name;
      EXPECT_LT(relative_error(harness.backward(xs, dy).input, dx), sizeof(T) == 4 ? 1e-5 : 1e-8)
          << function.name;
    }
  }
}

class ResidualSums : public testing::Computing {};

TEST_F(ResidualSums, AddActivateAndHandTheGradientToBothBranches) {
#define RIDGELINE_CHECK(Space, T) check_sum<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(Residual, KeepsTheSumOnlyWhereTheDerivativeNeedsIt) {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    const kernels::Activation f = kernels::activation_named(function.name);
    const auto layer = residual(function.name, {3, 4});
    EXPECT_EQ(layer->saved(5), kernels::derivative_needs_input(f) ? 60u : 0u) << function.name;
    EXPECT_EQ(layer->input_gradients(), function.name == std::string("identity")
                                            ? InputGradients::passed
                                            : InputGradients::shared);
  }
}

TEST(ResidualCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const std::size_t batch = 5, size = batch * 12;
  const auto layer = residual("relu", {3, 4});
  Array x(size), s(size), y(size), kept(size), dy(size), dx(size);
  Tally::reset();
  for (std::size_t i = 0; i < size; ++i) {
    const Number z = x.read(i) + s.read(i);
    y.write(i, z > Number{0} ? z : Number{0});
  }
  const Counts forward = layer->counts({Phase::forward, batch, true}, 8);
  EXPECT_EQ(forward.flops, Tally::flops);
  EXPECT_EQ(forward.matrix_flops, 0);
  EXPECT_EQ(forward.bytes, 8 * testing::traffic({&x, &s, &y}));
  Tally::reset();
  for (std::size_t i = 0; i < size; ++i) {
    dx.write(i, dy.read(i) * (kept.read(i) > Number{0} ? Number{1} : Number{0}));
  }
  const Counts backward = layer->counts({Phase::backward, batch, true}, 8);
  EXPECT_EQ(backward.flops, Tally::flops);
  EXPECT_EQ(backward.bytes, 8 * testing::traffic({&kept, &dy, &dx}));
  EXPECT_EQ(layer->counts({Phase::backward, batch, false}, 8).bytes, 0);
  const auto plain = residual("identity", {3, 4});
  EXPECT_EQ(plain->counts({Phase::backward, batch, true}, 8).bytes, 0);
}

}  // namespace
}  // namespace ridgeline::layers
