#include "layers/residual.hpp"

#include <gtest/gtest.h>

#include "layers/harness.hpp"
#include "support/activations.hpp"
#include "support/tally.hpp"

// The sum at a residual's end. tests/network has residuals with their layers.

namespace ridgeline::layers {
namespace {

using testing::inputs_for;
using testing::on_host;
using testing::on_space;
using testing::poisoned;
using testing::relative_error;

template <class T>
struct Pass {
  std::vector<T> y, dx;
};

template <class Space, class T>
Pass<T> run(const std::string& function, const std::vector<double>& x, const std::vector<double>& s,
            const std::vector<double>& dy) {
  const Space instance;
  const ResidualPlan plan("sum", {x.size()}, kernels::activation_named(function));
  ResidualSum<Space, T> layer(plan, target_of<Space, T>(instance, {}));
  const auto narrowed = [&](const std::vector<double>& values) {
    return on_space(instance, std::vector<T>(values.begin(), values.end()));
  };
  const auto x_view = narrowed(x), s_view = narrowed(s), dy_view = narrowed(dy);
  const auto y = poisoned<T>(instance, x.size()), dx = poisoned<T>(instance, x.size());
  const auto saved = poisoned<T>(instance, plan.saved(1));
  LayerMemory<Space, T> memory;
  memory.saved = Vector<Space, T>(saved.data(), saved.size());
  layer.bind(memory);
  const auto row = [&](const Buffer<Space, T>& buffer) {
    return Matrix<Space, T>(buffer.data(), 1, buffer.size());
  };
  layer.set_shortcut(row(s_view));
  layer.forward(instance, Mode::training, row(x_view), row(y));
  layer.backward(instance, row(x_view), row(y), row(dy_view), row(dx));
  instance.fence();
  return {on_host(instance, y), on_host(instance, dx)};
}

template <class Space, class T>
void check_sum() {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    for (const std::size_t size : {1, 37, 30011}) {
      const auto x = inputs_for(size, 1), s = inputs_for(size, 2), dy = inputs_for(size, 3);
      std::vector<double> y, dx;
      constexpr double h = 1e-5;
      for (std::size_t i = 0; i < size; ++i) {
        const double z = x[i] + s[i];
        y.push_back(function.f(z));
        dx.push_back(dy[i] * (function.f(z + h) - function.f(z - h)) / (2 * h));
      }
      const Pass<T> found = run<Space, T>(function.name, x, s, dy);
      EXPECT_LT(relative_error(found.y, y), sizeof(T) == 4 ? 1e-6 : 1e-14) << function.name;
      if (function.name == std::string("identity")) {
        EXPECT_TRUE(std::isnan(found.dx[0]));  // the network passes it on without a copy
        continue;
      }
      EXPECT_LT(relative_error(found.dx, dx), sizeof(T) == 4 ? 1e-5 : 1e-8) << function.name;
    }
  }
}

class ResidualSums : public testing::Computing {};

TEST_F(ResidualSums, AddActivateAndHandTheGradientToBothBranches) {
#define RIDGELINE_CHECK(Space, T) check_sum<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(ResidualPlan, KeepsTheSumOnlyWhereTheDerivativeNeedsIt) {
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    const kernels::Activation f = kernels::activation_named(function.name);
    const ResidualPlan plan("sum", {3, 4}, f);
    EXPECT_EQ(plan.saved(5), kernels::derivative_needs_input(f) ? 60u : 0u) << function.name;
    EXPECT_EQ(plan.passes_gradient(), function.name == std::string("identity"));
  }
}

TEST(ResidualCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const std::size_t batch = 5, size = batch * 12;
  const ResidualPlan plan("sum", {3, 4}, kernels::Activation::relu);
  Array x(size), s(size), y(size), kept(size), dy(size), dx(size);
  Tally::reset();
  for (std::size_t i = 0; i < size; ++i) {
    const Number z = x.read(i) + s.read(i);
    y.write(i, z > Number{0} ? z : Number{0});
  }
  const Counts forward = plan.counts(Phase::forward, batch, 8, true);
  EXPECT_EQ(forward.flops, Tally::flops);
  EXPECT_EQ(forward.matrix_flops, 0);
  EXPECT_EQ(forward.bytes, 8 * testing::traffic({&x, &s, &y}));
  Tally::reset();
  for (std::size_t i = 0; i < size; ++i) {
    dx.write(i, dy.read(i) * (kept.read(i) > Number{0} ? Number{1} : Number{0}));
  }
  const Counts backward = plan.counts(Phase::backward, batch, 8, true);
  EXPECT_EQ(backward.flops, Tally::flops);
  EXPECT_EQ(backward.bytes, 8 * testing::traffic({&kept, &dy, &dx}));
  EXPECT_EQ(plan.counts(Phase::backward, batch, 8, false).bytes, 0);
  const ResidualPlan plain("sum", {3, 4}, kernels::Activation::identity);
  EXPECT_EQ(plain.counts(Phase::backward, batch, 8, true).bytes, 0);
}

}  // namespace
}  // namespace ridgeline::layers
