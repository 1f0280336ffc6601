#include "layers/softmax.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "kernels/device_softmax.hpp"
#include "layers/harness.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

const std::string kKind = "kind = \"softmax\"\n";

struct Case {
  Shape shape;
  std::size_t batch;
};
const Case kCases[] = {{{1}, 3},       {{10}, 128}, {{3, 7}, 5}, {{2, 3, 17}, 9},
                       {{64, 96}, 16}, {{2500}, 3}, {{33}, 67}};

Values softmax_of(const Values& x, std::size_t columns) {
  Values y(x.size());
  for (std::size_t row = 0; row < x.size() / columns; ++row) {
    const double* const z = x.data() + row * columns;
    const double most = *std::max_element(z, z + columns);
    double sum = 0;
    for (std::size_t c = 0; c < columns; ++c) sum += std::exp(z[c] - most);
    for (std::size_t c = 0; c < columns; ++c) y[row * columns + c] = std::exp(z[c] - most) / sum;
  }
  return y;
}

Values gradient_of(const Values& y, const Values& dy, std::size_t columns) {
  Values dx(y.size());
  for (std::size_t row = 0; row < y.size() / columns; ++row) {
    double sum = 0;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) sum += y[i] * dy[i];
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) dx[i] = y[i] * (dy[i] - sum);
  }
  return dx;
}

Values scaled(Values x, double by) {
  for (double& value : x) value *= by;
  return x;
}

template <class Space, class T>
void check_definition() {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  for (const Case& c : kCases) {
    const auto plan = plan_of(kKind, c.shape);
    EXPECT_EQ(plan->output, c.shape);
    LayerHarness<Space, T> layer(*plan, c.batch);
    const Values x = scaled(testing::inputs_for(layer.inputs(), 1), 8);
    const Values dy = testing::inputs_for(layer.outputs(), 2);
    const std::size_t columns = c.shape.back();
    const Values y = softmax_of(x, columns);
    for (const bool training : {true, false}) {
      EXPECT_LT(relative_error(layer.forward(x, training), y), tolerance)
          << ridgeline::to_string(c.shape);
    }
    EXPECT_LT(relative_error(layer.backward(x, dy).input, gradient_of(y, dy, columns)), tolerance)
        << ridgeline::to_string(c.shape);
  }
}

class SoftmaxLayer : public testing::Computing {};

TEST_F(SoftmaxLayer, MatchesTheDefinitionForwardAndBackward) {
#define RIDGELINE_CHECK(Space, T) check_definition<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(SoftmaxLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) testing::check_gradients<Space>(*plan_of(kKind, {3, 7}), 2);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_extremes() {
  const auto plan = plan_of(kKind, {20});
  LayerHarness<Space, T> layer(*plan, 2);
  Values x(40, -9e3);
  x[3] = 9e3;  // exp of it overflows
  x[39] = -8e3;
  const Values y = layer.forward(x);
  EXPECT_LT(relative_error(y, softmax_of(x, 20)), 1e-6);
  for (const std::size_t bad : {20, 33, 39}) {
    Values with_nan = x;
    with_nan[bad] = std::nan("");
    const Values found = layer.forward(with_nan);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(std::isnan(found[i]), i >= 20) << bad;
  }
}

TEST_F(SoftmaxLayer, SurvivesBigLogitsAndLetsNaNThrough) {
#define RIDGELINE_CHECK(Space, T) check_extremes<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(SoftmaxLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const Case& c : {Case{{64, 96}, 33}, Case{{10}, 5000}}) {
    const auto plan = plan_of(kKind, c.shape);
    LayerHarness<Kokkos::Serial, float> one(*plan, c.batch);
    LayerHarness<Kokkos::OpenMP, float> many(*plan, c.batch);
    const Values x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(x.size(), 2);
    EXPECT_EQ(one.forward(x), many.forward(x));
    EXPECT_EQ(one.backward(x, dy).input, many.backward(x, dy).input);
  }
}

// The device's kernel on teams of OpenMP threads.
template <class T, int Threads>
void check_teams() {
  using Space = Kokkos::OpenMP;
  const Space instance;
  for (const Case& c : kCases) {
    const std::size_t columns = c.shape.back(), size = c.batch * size_of(c.shape);
    const auto x = testing::random_values<T>(size, 1), dy = testing::random_values<T>(size, 2);
    const auto x_view = testing::on_space(instance, x), dy_view = testing::on_space(instance, dy);
    const auto y = testing::poisoned<T>(instance, size), dx = testing::poisoned<T>(instance, size);
    kernels::DeviceSoftmax<Space, T, Threads, false>{columns, x_view.data(), nullptr, y.data()}
        .launch(instance, "test/softmax", size / columns);
    kernels::DeviceSoftmax<Space, T, Threads, true>{columns, dy_view.data(), y.data(), dx.data()}
        .launch(instance, "test/softmax", size / columns);
    instance.fence();
    const Values expected = softmax_of(Values(x.begin(), x.end()), columns);
    EXPECT_LT(relative_error(testing::on_host(instance, y), expected), 2e-6);
    EXPECT_LT(relative_error(testing::on_host(instance, dx),
                             gradient_of(expected, Values(dy.begin(), dy.end()), columns)),
              2e-6);
  }
}

TEST_F(SoftmaxLayer, OfADeviceMatchesTheDefinitionInTeamsOfAnySize) {
  check_teams<float, 1>();
  check_teams<double, 2>();
  check_teams<float, 4>();
}
#endif

TEST(SoftmaxPlan, HasNoKeysAndKeepsNothing) {
  const auto plan = plan_of(kKind, {4, 3});
  EXPECT_EQ(plan->saved(5), 0u);
  EXPECT_EQ(plan->workspace({}, 5, true), 0u);
  EXPECT_TRUE(plan->parameters().empty());
  EXPECT_FALSE(plan->is_view(false));
  EXPECT_TRUE(contains(refusal_of(kKind + "dim = 1"), "deck.toml:8: unknown key \"dim\""));
}

TEST(SoftmaxCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const Shape shape = {3, 4};
  const std::size_t batch = 5, rows = 15, columns = 4, size = 60;
  const auto plan = plan_of(kKind, shape);
  Array x(size), y(size), kept(size), dy(size), dx(size);
  const auto expect = [&](Phase phase, bool input_gradient,
                          const std::vector<const Array*>& arrays) {
    const Counts found = plan->counts(phase, batch, 8, input_gradient);
    EXPECT_EQ(found.flops, Tally::flops);
    EXPECT_EQ(found.matrix_flops, 0);
    EXPECT_EQ(found.bytes, testing::traffic(arrays) * 8);
    EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * 8);
  };
  Tally::reset();
  for (std::size_t row = 0; row < rows; ++row) {
    Number most{-1e300}, sum;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      if (x.read(i) > most) most = x.read(i);
    }
    std::vector<Number> e;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      e.push_back(exp(x.read(i) - most));
      sum = sum + e.back();
    }
    const Number factor = Number{1} / sum;
    for (std::size_t c = 0; c < columns; ++c) y.write(row * columns + c, e[c] * factor);
  }
  expect(Phase::forward, true, {&x, &y});
  Tally::reset();
  for (std::size_t row = 0; row < rows; ++row) {
    Number sum;
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      sum = sum + kept.read(i) * dy.read(i);
    }
    for (std::size_t i = row * columns; i < (row + 1) * columns; ++i) {
      dx.write(i, kept.read(i) * (dy.read(i) - sum));
    }
  }
  expect(Phase::backward, true, {&kept, &dy, &dx});
  Tally::reset();
  expect(Phase::backward, false, {});
}

}  // namespace
}  // namespace ridgeline::layers
