#include "layers/residual.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/launch.hpp"
#include "kernels/elementwise.hpp"
#include "layers/harness.hpp"
#include "support/activations.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using kernels::Activation;
using testing::on_host;
using testing::on_space;
using testing::poisoned;
using testing::relative_error;
using Values = std::vector<double>;

ResidualPlan plan_for(const Shape& shape, const std::string& activation) {
  return ResidualPlan("block", shape, kernels::activation_named(activation));
}

// One forward and backward pass; `first` asks for no gradient.
template <class T>
struct Pass {
  std::vector<T> y, dx, kept;
};
template <class Space, class T>
Pass<T> pass(const ResidualPlan& plan, std::size_t batch, const std::vector<T>& x,
             const std::vector<T>& s, const std::vector<T>& dy, bool first = false) {
  const Space instance;
  const std::size_t size = size_of(plan.input);
  const auto x_view = on_space(instance, x), s_view = on_space(instance, s);
  const auto dy_view = on_space(instance, dy);
  const auto y = poisoned<T>(instance, x.size()), dx = poisoned<T>(instance, x.size());
  const auto saved = poisoned<T>(instance, plan.saved(batch));
  const auto layer =
      make_layer<Space, T>(plan, target_of<Space, T>(instance, kernels::GemmBackend::native));
  LayerMemory<Space, T> memory;
  memory.saved = Vector<Space, T>(saved.data(), saved.size());
  layer->bind(memory);
  auto& sum = dynamic_cast<ResidualSum<Space, T>&>(*layer);
  const Matrix<Space, const T> from(x_view.data(), batch, size);
  sum.set_shortcut(Matrix<Space, const T>(s_view.data(), batch, size));
  sum.forward(instance, Mode::training, from, Matrix<Space, T>(y.data(), batch, size));
  sum.backward(instance, from, Matrix<Space, const T>(y.data(), batch, size),
               Matrix<Space, const T>(dy_view.data(), batch, size),
               first ? Matrix<Space, T>() : Matrix<Space, T>(dx.data(), batch, size));
  instance.fence();
  EXPECT_EQ(sum.passes_gradient(), plan.activation == Activation::identity);
  return {on_host(instance, y), on_host(instance, dx), on_host(instance, saved)};
}

template <class Space, class T>
void check_definition() {
  const std::size_t batch = 3;
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-8;
  for (const testing::ActivationFunction& function : testing::activation_functions()) {
    for (const Shape& shape : {Shape{1}, Shape{2, 5, 7}, Shape{9001}}) {
      const ResidualPlan plan = plan_for(shape, function.name);
      const std::size_t size = batch * size_of(shape);
      const auto x = testing::random_values<T>(size, 1), s = testing::random_values<T>(size, 2);
      const auto dy = testing::random_values<T>(size, 3);
      Values y, dx;
      for (std::size_t i = 0; i < size; ++i) {
        const double z = double(x[i]) + double(s[i]);
        constexpr double h = 1e-6;
        y.push_back(function.f(z));
        dx.push_back(double(dy[i]) * (function.f(z + h) - function.f(z - h)) / (2 * h));
      }
      const Pass<T> found = pass<Space, T>(plan, batch, x, s, dy);
      EXPECT_LT(relative_error(found.y, y), tolerance) << function.name;
      if (plan.activation == Activation::identity) {
        EXPECT_TRUE(std::isnan(found.dx.front()));  // dy is the gradient already
      } else {
        EXPECT_LT(relative_error(found.dx, dx), tolerance) << function.name;
      }
      for (std::size_t i = 0; i < found.kept.size(); ++i) ASSERT_EQ(found.kept[i], x[i] + s[i]);
      EXPECT_TRUE(std::isnan(double(pass<Space, T>(plan, batch, x, s, dy, true).dx.front())));
    }
  }
}

class ResidualLayer : public testing::Computing {};

TEST_F(ResidualLayer, SumsItsBranchesAndSendsBothTheGradient) {
#define RIDGELINE_CHECK(Space, T) check_definition<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_add() {
  const Space instance;
  for (const std::size_t size : {1, 17, 30011}) {
    const auto a = testing::random_values<T>(size, 1), b = testing::random_values<T>(size, 2);
    const auto a_view = on_space(instance, a), b_view = on_space(instance, b);
    kernels::add<Space, T>(instance, "test/add", a_view, b_view);
    instance.fence();
    std::vector<T> expected;
    for (std::size_t i = 0; i < size; ++i) expected.push_back(b[i] + a[i]);
    EXPECT_EQ(on_host(instance, b_view), expected);
    EXPECT_EQ(on_host(instance, a_view), a);
  }
}

TEST_F(ResidualLayer, AddsOneGradientToAnother) {
#define RIDGELINE_CHECK(Space, T) check_add<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(ResidualLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const ResidualPlan plan = plan_for({20011}, "silu");
  const auto x = testing::random_values<float>(40022, 1),
             s = testing::random_values<float>(40022, 2);
  const auto one = pass<Kokkos::Serial, float>(plan, 2, x, s, x);
  const auto many = pass<Kokkos::OpenMP, float>(plan, 2, x, s, x);
  EXPECT_EQ(one.y, many.y);
  EXPECT_EQ(one.dx, many.dx);
}
#endif

TEST(ResidualPlan, KeepsTheSumWhereTheDerivativeNeedsIt) {
  for (const std::string& name : kernels::activation_names()) {
    const bool keeps = kernels::derivative_needs_input(kernels::activation_named(name));
    EXPECT_EQ(plan_for({3, 4}, name).saved(5), keeps ? 60u : 0u) << name;
  }
  EXPECT_EQ(plan_for({3, 4}, "relu").output, (Shape{3, 4}));
  EXPECT_EQ(plan_for({3, 4}, "relu").kind, "residual");
}

TEST(ResidualCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const std::size_t batch = 5, size = 60;
  const auto expect = [&](const Counts& found, const std::vector<const Array*>& arrays) {
    EXPECT_EQ(found.flops, Tally::flops);
    EXPECT_EQ(found.matrix_flops, 0);
    EXPECT_EQ(found.bytes, testing::traffic(arrays) * 4);
    EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * 4);
  };
  for (const bool relu : {true, false}) {
    const ResidualPlan plan = plan_for({3, 4}, relu ? "relu" : "identity");
    Array x(size), s(size), y(size), kept(size), dy(size), dx(size);
    Tally::reset();
    for (std::size_t i = 0; i < size; ++i) {
      const Number z = x.read(i) + s.read(i);
      y.write(i, relu ? (z > Number{0} ? z : Number{0}) : z);
    }
    expect(plan.counts(Phase::forward, batch, 4, true), {&x, &s, &y});
    Tally::reset();
    for (std::size_t i = 0; relu && i < size; ++i) {
      dx.write(i, dy.read(i) * (kept.read(i) > Number{0} ? Number{1} : Number{0}));
    }
    expect(plan.counts(Phase::backward, batch, 4, true), {&kept, &dy, &dx});
    Tally::reset();
    expect(plan.counts(Phase::backward, batch, 4, false), {});
    Array a(size), b(size);
    for (std::size_t i = 0; i < size; ++i) b.write(i, b.read(i) + a.read(i));
    expect(plan.fork_counts(batch, 4), {&a, &b});
  }
}

}  // namespace
}  // namespace ridgeline::layers
