#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
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

const std::string kKind = "kind = \"global_avg_pool\"\n";
const Shape kShapes[] = {{1, 1, 1}, {5, 7, 7}, {64, 7, 7}, {3, 20, 31}, {16, 1, 33}, {40, 30, 40}};

template <class Space, class T>
void check_definition() {
  const std::size_t batch = 5;
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  for (const Shape& shape : kShapes) {
    const auto plan = plan_of(kKind, shape);
    EXPECT_EQ(plan->output, (Shape{shape[0]}));
    LayerHarness<Space, T> layer(*plan, batch);
    const std::size_t plane = shape[1] * shape[2];
    const Values x = testing::inputs_for(layer.inputs(), 1);
    const Values dy = testing::inputs_for(layer.outputs(), 2);
    Values y(layer.outputs()), dx(layer.inputs());
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[i / plane] += x[i] / double(plane);
      dx[i] = dy[i / plane] / double(plane);
    }
    for (const bool training : {true, false}) {
      EXPECT_LT(relative_error(layer.forward(x, training), y), tolerance)
          << ridgeline::to_string(shape);
    }
    EXPECT_LT(relative_error(layer.backward(x, dy).input, dx), tolerance)
        << ridgeline::to_string(shape);
    Values bad = x;
    bad.back() = std::nan("");
    EXPECT_TRUE(std::isnan(layer.forward(bad).back()));
  }
}

class GlobalAvgPoolLayer : public testing::Computing {};

TEST_F(GlobalAvgPoolLayer, MatchesTheDefinitionForwardAndBackward) {
#define RIDGELINE_CHECK(Space, T) check_definition<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(GlobalAvgPoolLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) testing::check_gradients<Space>(*plan_of(kKind, {3, 4, 5}), 2);
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(GlobalAvgPoolLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  const auto plan = plan_of(kKind, {40, 30, 40});
  LayerHarness<Kokkos::Serial, float> one(*plan, 20);
  LayerHarness<Kokkos::OpenMP, float> many(*plan, 20);
  const Values x = testing::inputs_for(one.inputs(), 1), dy = testing::inputs_for(one.outputs(), 2);
  EXPECT_EQ(one.forward(x), many.forward(x));
  EXPECT_EQ(one.backward(x, dy).input, many.backward(x, dy).input);
}
#endif

TEST(GlobalAvgPoolDescription, WorksOnImagesAloneAndHasNoKeys) {
  EXPECT_TRUE(contains(refusal_of(kKind, {7, 3}),
                       "deck.toml:7: global_avg_pool needs images [channels, height, width], "
                       "and gets [7, 3]"));
  EXPECT_TRUE(
      contains(refusal_of(kKind + "kernel = 2", {2, 3, 3}), "deck.toml:8: unknown key \"kernel\""));
  EXPECT_EQ(plan_of(kKind, {2, 3, 3})->saved(4), 0u);
}

TEST(GlobalAvgPoolCounts, EqualAPlainLoop) {
  using testing::Array;
  using testing::Number;
  using testing::Tally;
  const Shape shape = {3, 4, 5};
  const std::size_t batch = 2, plane = 20, planes = batch * 3;
  const auto plan = plan_of(kKind, shape);
  Array x(planes * plane), y(planes), dy(planes), dx(planes * plane);
  const auto expect = [&](Phase phase, bool input_gradient,
                          const std::vector<const Array*>& arrays) {
    const Counts found = plan->counts({phase, batch, input_gradient}, 8);
    EXPECT_EQ(found.flops, Tally::flops);
    EXPECT_EQ(found.matrix_flops, 0);
    EXPECT_EQ(found.bytes, testing::traffic(arrays) * 8);
    EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * 8);
  };
  Tally::reset();
  for (std::size_t c = 0; c < planes; ++c) {
    Number sum;
    for (std::size_t i = 0; i < plane; ++i) sum = sum + x.read(c * plane + i);
    y.write(c, sum / Number{20});
  }
  expect(Phase::forward, true, {&x, &y});
  Tally::reset();
  for (std::size_t c = 0; c < planes; ++c) {
    const Number share = dy.read(c) / Number{20};
    for (std::size_t i = 0; i < plane; ++i) dx.write(c * plane + i, share);
  }
  expect(Phase::backward, true, {&dy, &dx});
  Tally::reset();
  expect(Phase::backward, false, {});
}

}  // namespace
}  // namespace ridgeline::layers
