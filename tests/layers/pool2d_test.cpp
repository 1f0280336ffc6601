#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "support/pool.hpp"
#include "support/tally.hpp"

namespace ridgeline::layers {
namespace {

using kernels::PoolShape;
using testing::contains;
using testing::LayerHarness;
using testing::plan_of;
using testing::PoolDefinition;
using testing::refusal_of;
using testing::relative_error;
using Values = std::vector<double>;

std::string pair(int a, int b) { return "[" + std::to_string(a) + ", " + std::to_string(b) + "]"; }

std::unique_ptr<Layer> plan_for(const PoolShape& s, bool largest) {
  return plan_of("kind = \"" + std::string(largest ? "max" : "avg") + "_pool2d\"\nkernel = " +
                     pair(s.kernel_h, s.kernel_w) + "\nstride = " + pair(s.stride_h, s.stride_w) +
                     "\npadding = " + pair(s.padding_h, s.padding_w),
                 {s.planes, std::size_t(s.height), std::size_t(s.width)});
}

// The same windows over a batch.
PoolDefinition definition_of(PoolShape s, bool largest, std::size_t batch) {
  s.planes *= batch;
  return {s, largest};
}

std::string text_of(const PoolShape& s, bool largest) {
  return std::string(largest ? "max " : "avg ") + pair(s.height, s.width) + " by " +
         pair(s.kernel_h, s.kernel_w) + " stride " + pair(s.stride_h, s.stride_w);
}

// Few different values, so that windows have equal ones and the choice of the first matters.
Values coarse(Values x) {
  for (double& value : x) value = std::round(4 * value) / 4;
  return x;
}

template <class Space, class T>
void check_definition() {
  const std::size_t batch = 3;
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  for (const PoolShape& s : testing::pool_shapes()) {
    for (const bool largest : {true, false}) {
      const auto plan = plan_for(s, largest);
      EXPECT_EQ(plan->output,
                (Shape{s.planes, std::size_t(s.out_height), std::size_t(s.out_width)}));
      const PoolDefinition definition = definition_of(s, largest, batch);
      LayerHarness<Space, T> layer(*plan, batch);
      const Values x = coarse(testing::inputs_for(layer.inputs(), 1));
      const Values dy = testing::inputs_for(layer.outputs(), 2);
      for (const bool training : {true, false}) {
        EXPECT_LT(relative_error(layer.forward(x, training), definition.forward(x)), tolerance)
            << text_of(s, largest);
      }
      EXPECT_LT(relative_error(layer.backward(x, dy).input, definition.backward(x, dy)), tolerance)
          << text_of(s, largest);
    }
  }
}

class Pool2dLayer : public testing::Computing {};

TEST_F(Pool2dLayer, MatchesTheDefinitionForwardAndBackward) {
#define RIDGELINE_CHECK(Space, T) check_definition<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space>
void check_differences() {
  for (const PoolShape& s : testing::pool_shapes()) {
    if (s.inputs() > 200) continue;
    for (const bool largest : {true, false}) {
      testing::check_gradients<Space>(*plan_for(s, largest), 2);
    }
  }
}

TEST_F(Pool2dLayer, BackwardMatchesFiniteDifferences) {
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) check_differences<Space>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_nan() {
  for (const PoolShape& s : testing::pool_shapes()) {
    if (s.stride_h > s.kernel_h || s.stride_w > s.kernel_w) continue;
    for (const bool largest : {true, false}) {
      const auto plan = plan_for(s, largest);
      const PoolDefinition definition = definition_of(s, largest, 1);
      LayerHarness<Space, T> layer(*plan, 1);
      const Values fine = testing::inputs_for(layer.inputs(), 1);
      for (std::size_t bad = 0; bad < fine.size(); bad += 1 + fine.size() / 7) {
        Values x = fine;
        x[bad] = std::nan("");
        const Values y = layer.forward(x), expected = definition.forward(x);
        for (std::size_t i = 0; i < y.size(); ++i) {
          ASSERT_EQ(std::isnan(y[i]), std::isnan(expected[i])) << text_of(s, largest) << " " << i;
        }
      }
    }
  }
}

TEST_F(Pool2dLayer, PropagatesNaN) {
#define RIDGELINE_CHECK(Space, T) check_nan<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

template <class Space, class T>
void check_all_equal() {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {1.0, -infinity}) {
    for (const PoolShape& s : testing::pool_shapes()) {
      const PoolDefinition definition = definition_of(s, true, 1);
      const auto plan = plan_for(s, true);
      LayerHarness<Space, T> layer(*plan, 1);
      const Values x(layer.inputs(), value), dy(layer.outputs(), 1.0);
      EXPECT_EQ(layer.forward(x), Values(layer.outputs(), value));
      EXPECT_EQ(layer.backward(x, dy).input, definition.backward(x, dy)) << text_of(s, true);
    }
  }
}

TEST_F(Pool2dLayer, SendsTheGradientToTheFirstOfEqualLargestValues) {
#define RIDGELINE_CHECK(Space, T) check_all_equal<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(Pool2dLayer, GivesTheSameBitsOnOneThreadAndOnMany) {
  for (const PoolShape& s : {testing::pool_shape(6, 28, 28, 2, 2, 2, 2, 0, 0),
                             testing::pool_shape(6, 28, 28, 3, 3, 1, 1, 1, 1)}) {
    for (const bool largest : {true, false}) {
      const auto plan = plan_for(s, largest);
      LayerHarness<Kokkos::Serial, float> one(*plan, 64);
      LayerHarness<Kokkos::OpenMP, float> many(*plan, 64);
      const Values x = testing::inputs_for(one.inputs(), 1);
      const Values dy = testing::inputs_for(one.outputs(), 2);
      EXPECT_EQ(one.forward(x), many.forward(x));
      EXPECT_EQ(one.backward(x, dy).input, many.backward(x, dy).input);
    }
  }
}
#endif

TEST(Pool2dDescription, StridesByTheKernelUnlessSaidAndKeepsNothing) {
  const auto plan = plan_of("kind = \"max_pool2d\"\nkernel = 3", {2, 9, 11});
  EXPECT_EQ(plan->kind, "max_pool2d");
  EXPECT_EQ(plan->output, (Shape{2, 3, 3}));
  EXPECT_TRUE(plan->parameters().empty());
  EXPECT_EQ(plan->saved(7), 0u);
  EXPECT_EQ(plan->workspace({}, 7, true), 0u);
  EXPECT_EQ(plan_of("kind = \"avg_pool2d\"\nkernel = [2, 3]", {1, 4, 9})->output, (Shape{1, 2, 3}));
  EXPECT_EQ(plan_of("kind = \"avg_pool2d\"\nkernel = 2\npadding = 1", {1, 4, 4})->output,
            (Shape{1, 3, 3}));
}

TEST(Pool2dDescription, RefusesBadOptionsByFileLineAndKey) {
  for (const std::string kind : {"max_pool2d", "avg_pool2d"}) {
    const std::string keys = "kind = \"" + kind + "\"\n", layer = "network.layer.layer.";
    const Shape image = {2, 6, 6};
    EXPECT_TRUE(contains(refusal_of(keys, image), "deck.toml:5: " + layer + "kernel is missing"));
    for (const char* bad : {"0", "-2", "1.5", "[2, 2, 2]", "[2, 0]", "\"two\""}) {
      EXPECT_TRUE(contains(refusal_of(keys + "kernel = " + bad, image),
                           "deck.toml:8: " + layer + "kernel must be"))
          << refusal_of(keys + "kernel = " + bad, image);
    }
    EXPECT_TRUE(contains(refusal_of(keys + "kernel = [3, 7]", image),
                         "deck.toml:8: " + layer + "kernel [3, 7] must fit into the image"));
    EXPECT_TRUE(contains(refusal_of(keys + "kernel = 2\nstride = 0", image),
                         "deck.toml:9: " + layer + "stride must be"));
    EXPECT_TRUE(contains(refusal_of(keys + "kernel = 2\npadding = -1", image),
                         "deck.toml:9: " + layer + "padding must be"));
    EXPECT_TRUE(contains(refusal_of(keys + "kernel = 3\npadding = 2", image),
                         "deck.toml:9: " + layer + "padding must be at most half of the kernel"));
    EXPECT_TRUE(contains(refusal_of(keys + "kernel = 2\nsize = 2", image),
                         "deck.toml:9: unknown key \"size\""));
    const std::string shape = refusal_of(keys + "kernel = 2", {12});
    EXPECT_TRUE(contains(shape, "deck.toml:7: ")) << shape;
    EXPECT_TRUE(contains(shape, "needs images [channels, height, width], and gets [12]")) << shape;
  }
}

using testing::Array;
using testing::Number;
using testing::Tally;

void expect_counts(const Layer& plan, Phase phase, std::size_t batch, bool input_gradient,
                   const std::vector<const Array*>& arrays, const std::string& text) {
  for (const std::size_t scalar : {4, 8}) {
    const Counts found = plan.counts({phase, batch, input_gradient}, scalar);
    EXPECT_EQ(found.flops, Tally::flops) << text;
    EXPECT_EQ(found.matrix_flops, 0) << text;
    EXPECT_EQ(found.bytes, testing::traffic(arrays) * double(scalar)) << text;
    EXPECT_EQ(found.working_set_bytes, testing::touched(arrays) * double(scalar)) << text;
  }
}

TEST(Pool2dCounts, EqualAPlainLoop) {
  const std::size_t batch = 2;
  for (const PoolShape& s : testing::pool_shapes()) {
    // Compulsory traffic is the whole input, also where windows leave gaps.
    for (const bool largest : {true, false}) {
      const auto plan = plan_for(s, largest);
      const std::string text = text_of(s, largest);
      const PoolDefinition d = definition_of(s, largest, batch);
      const auto whole = [](Array& array, std::size_t size, bool written) {
        for (std::size_t i = 0; i < size; ++i) {
          if (written) {
            array.write(i, {});
          } else {
            array.read(i);
          }
        }
      };
      Array x(d.s.inputs()), y(d.s.outputs());
      whole(x, d.s.inputs(), false);
      whole(y, d.s.outputs(), true);
      std::vector<Number> held(d.s.outputs(), Number{largest ? -1e300 : 0.0});
      Tally::reset();
      d.over_pairs([&](std::size_t out, std::size_t in) {
        if (largest) {
          if (x.read(in) > held[out]) held[out] = x.read(in);
        } else {
          held[out] = held[out] + x.read(in);
        }
      });
      for (Number& sum : held) {
        if (!largest) sum = sum * Number{1 / d.area()};
      }
      expect_counts(*plan, Phase::forward, batch, true, {&x, &y}, text);

      Array kept(d.s.inputs()), dy(d.s.outputs()), dx(d.s.inputs());
      whole(dy, d.s.outputs(), false);
      whole(dx, d.s.inputs(), true);
      if (largest) whole(kept, d.s.inputs(), false);
      std::vector<Number> sums(d.s.inputs());
      Tally::reset();
      if (largest) {  // one sum per window, whose maximum is found again
        for (std::size_t out = 0; out < d.s.outputs(); ++out) sums[0] = sums[0] + dy.read(out);
      } else {
        for (std::size_t out = 0; out < d.s.outputs(); ++out) {
          held[out] = dy.read(out) * Number{1 / d.area()};
        }
        d.over_pairs([&](std::size_t out, std::size_t in) { sums[in] = sums[in] + held[out]; });
      }
      expect_counts(*plan, Phase::backward, batch, true, {&kept, &dy, &dx}, text);
      Tally::reset();
      expect_counts(*plan, Phase::backward, batch, false, {}, text);
    }
  }
}

}  // namespace
}  // namespace ridgeline::layers
