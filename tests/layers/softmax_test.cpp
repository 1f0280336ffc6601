#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using testing::LayerHarness;
using testing::plan_of;
using testing::relative_error;

const std::string kKeys = "kind = \"softmax\"\n";

template <class Space, class T>
void check_forward() {
  // Fewer columns than lanes, as many, some more; enough rows for several threads.
  for (const Shape& shape : {Shape{1}, Shape{10}, Shape{3, 16}, Shape{2, 33}, Shape{40, 201}}) {
    const auto plan = plan_of(kKeys, shape);
    LayerHarness<Space, T> layer(*plan, 5);
    std::vector<double> x = testing::inputs_for(layer.inputs(), 1), expected;
    const std::size_t n = shape.back();
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 20 * x[i] + 100.0 * double(i / n % 3);
    for (std::size_t row = 0; row < x.size() / n; ++row) {
      double sum = 0;
      const double shift = 100.0 * double(row % 3);
      for (std::size_t i = 0; i < n; ++i) sum += std::exp(x[row * n + i] - shift);
      for (std::size_t i = 0; i < n; ++i) {
        expected.push_back(std::exp(x[row * n + i] - shift) / sum);
      }
    }
    EXPECT_LT(relative_error(layer.forward(x), expected), sizeof(T) == 4 ? 1e-5 : 1e-14)
        << ridgeline::to_string(shape);
  }
}

class SoftmaxLayer : public testing::Computing {};

TEST_F(SoftmaxLayer, ForwardMatchesTheDefinitionOnTheLastDimension) {
#define RIDGELINE_CHECK(Space, T) check_forward<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(SoftmaxLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T)                                 \
  if (std::is_same_v<T, double>) {                                \
    testing::check_gradients<Space>(*plan_of(kKeys, {7}), 3);     \
    testing::check_gradients<Space>(*plan_of(kKeys, {2, 19}), 3); \
  }
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_extremes() {
  const auto plan = plan_of(kKeys, {20});
  LayerHarness<Space, T> layer(*plan, 2);
  std::vector<double> x(40, 0.0);
  x[3] = 1e4;  // would overflow without the shift
  x[25] = -1e4;
  std::vector<double> y = layer.forward(x);
  EXPECT_EQ(y[3], 1.0);
  EXPECT_EQ(y[0], 0.0);
  EXPECT_EQ(y[25], 0.0);
  EXPECT_NEAR(y[26], 1.0 / 19, 1e-6);
  x[7] = NAN;
  y = layer.forward(x);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_FALSE(std::isnan(y[26]));
}

TEST_F(SoftmaxLayer, NeitherOverflowsNorHidesNaN) {
#define RIDGELINE_CHECK(Space, T) check_extremes<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(SoftmaxLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const auto plan = plan_of(kKeys, {50, 37});
  LayerHarness<Kokkos::Serial, float> one(*plan, 20);
  LayerHarness<Kokkos::OpenMP, float> many(*plan, 20);
  const auto x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
  EXPECT_EQ(one.forward(x), many.forward(x));
  EXPECT_EQ(one.backward(x, dy).input, many.backward(x, dy).input);
}
#endif

TEST(SoftmaxCounts, EqualAPlainLoopInBothPhases) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const std::size_t batch = 3, rows = batch * 2, n = 5, size = rows * n;
  const auto plan = plan_of(kKeys, {2, 5});
  Array x(size), y(size), dy(size), dx(size);
  Tally::reset();
  for (std::size_t row = 0; row < rows; ++row) {
    Number most{-1e300}, sum;
    std::vector<Number> e;
    for (std::size_t i = 0; i < n; ++i) {
      const Number z = x.read(row * n + i);
      if (z > most) most = z;
    }
    for (std::size_t i = 0; i < n; ++i) {
      e.push_back(exp(x.read(row * n + i) - most));
      sum = sum + e.back();
    }
    const Number factor = Number{1} / sum;
    for (std::size_t i = 0; i < n; ++i) y.write(row * n + i, e[i] * factor);
  }
  Counts found = plan->counts({Phase::forward, batch, true}, 4);
  EXPECT_EQ(found.flops, Tally::flops);
  EXPECT_EQ(found.matrix_flops, 0);
  EXPECT_EQ(found.bytes, 4 * testing::traffic({&x, &y}));
  Array kept(size);
  Tally::reset();
  for (std::size_t row = 0; row < rows; ++row) {
    Number sum;
    for (std::size_t i = 0; i < n; ++i) {
      sum = sum + kept.read(row * n + i) * dy.read(row * n + i);
    }
    for (std::size_t i = 0; i < n; ++i) {
      dx.write(row * n + i, kept.read(row * n + i) * (dy.read(row * n + i) - sum));
    }
  }
  found = plan->counts({Phase::backward, batch, true}, 4);
  EXPECT_EQ(found.flops, Tally::flops);
  EXPECT_EQ(found.bytes, 4 * testing::traffic({&kept, &dy, &dx}));
  EXPECT_EQ(plan->counts({Phase::backward, batch, false}, 4).bytes, 0);
}

TEST(SoftmaxDescription, HasNoKeys) {
  EXPECT_TRUE(testing::contains(testing::refusal_of(kKeys + "axis = 1\n"),
                                "deck.toml:8: unknown key \"axis\""));
}

}  // namespace
}  // namespace ridgeline::layers
