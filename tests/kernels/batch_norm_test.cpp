#include "kernels/normalization/batch_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/batch_norm.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::BatchNormDefinition;
using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;
using Values = std::vector<double>;

class BatchNormKernel : public ridgeline::testing::Computing {};

// Features, images, one value per channel, and rows of less than a vector.
template <class Space, class T>
void check_space() {
  const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-12;
  const Space instance;
  const BatchNormLabels labels("test/batch_norm");
  const ChannelShape shapes[] = {{5, 3, 1}, {7, 2, 49},  {33, 5, 40},
                                 {1, 1, 7}, {301, 6, 1}, {1000, 70, 1}};
  for (const ChannelShape& shape : shapes) {
    SCOPED_TRACE(::testing::Message()
                 << shape.outer << "x" << shape.channels << "x" << shape.inner);
    const BatchNormDefinition definition{shape.outer, shape.channels, shape.inner};
    const std::size_t c = shape.channels;
    const auto x = random_values<T>(shape.size(), 1), dy = random_values<T>(shape.size(), 2);
    const auto weight = random_values<T>(c, 3), bias = random_values<T>(c, 4);
    const auto running = random_values<T>(c, 5);
    std::vector<T> running_var = random_values<T>(c, 6);
    for (T& each : running_var) each += T(2);
    const auto x_view = on_space(instance, x), dy_view = on_space(instance, dy);
    const auto w_view = on_space(instance, weight), b_view = on_space(instance, bias);
    const auto mean_view = on_space(instance, running), var_view = on_space(instance, running_var);
    const auto y = poisoned<T>(instance, shape.size()), dx = poisoned<T>(instance, shape.size());
    const auto mean = poisoned<T>(instance, c), inverse = poisoned<T>(instance, c);
    const auto dw = poisoned<T>(instance, c), db = poisoned<T>(instance, c);
    const auto workspace = poisoned<T>(instance, batch_norm_workspace(shape));

    BatchNormArguments<Space, T> args;
    args.shape = shape;
    args.x = x_view;
    args.y = y;
    args.weight = w_view;
    args.bias = b_view;
    args.running_mean = mean_view;
    args.running_var = var_view;
    args.mean = mean;
    args.inverse_deviation = inverse;
    args.momentum = definition.momentum;
    args.epsilon = definition.epsilon;
    const auto wide = [](const std::vector<T>& values) {
      return Values(values.begin(), values.end());
    };
    const auto output = [&](const Values& m, const Values& v) {
      return definition.output(definition.normalised(wide(x), m, v), wide(weight), wide(bias));
    };
    batch_norm_inference(instance, labels, args);
    instance.fence();
    EXPECT_LT(relative_error(on_host(instance, y), output(wide(running), wide(running_var))),
              tolerance);
    batch_norm_training<Space, T>(instance, labels, args, workspace);
    instance.fence();
    Values expected_mean, variance;
    definition.statistics(wide(x), expected_mean, variance);
    EXPECT_LT(relative_error(on_host(instance, y), output(expected_mean, variance)), tolerance);
    EXPECT_LT(relative_error(on_host(instance, mean_view),
                             definition.moved_mean(wide(running), expected_mean)),
              tolerance);
    EXPECT_LT(relative_error(on_host(instance, var_view),
                             definition.moved_variance(wide(running_var), variance)),
              tolerance);

    BatchNormGradients<Space, T> back;
    back.shape = shape;
    back.x = x_view;
    back.dy = dy_view;
    back.weight = w_view;
    back.mean = mean;
    back.inverse_deviation = inverse;
    back.weight_gradient = dw;
    back.bias_gradient = db;
    batch_norm_backward<Space, T>(instance, labels, back, workspace);
    instance.fence();
    EXPECT_TRUE(std::isnan(on_host(instance, dx).front()));  // not requested
    back.dx = dx;
    batch_norm_backward<Space, T>(instance, labels, back, workspace);
    instance.fence();
    Values weight_gradient, bias_gradient, input_gradient;
    definition.gradients(wide(x), wide(dy), wide(weight), weight_gradient, bias_gradient,
                         input_gradient);
    EXPECT_LT(relative_error(on_host(instance, dw), weight_gradient), tolerance);
    EXPECT_LT(relative_error(on_host(instance, db), bias_gradient), tolerance);
    EXPECT_LT(relative_error(on_host(instance, dx), input_gradient), tolerance);
  }
}

TEST_F(BatchNormKernel, MatchesTheDefinition) {
#define RIDGELINE_CHECK(Space, T) check_space<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

// Values that differ little from a large mean keep their digits.
template <class Space, class T>
void check_offset() {
  const Space instance;
  const double offset = sizeof(T) == 4 ? 1e3 : 1e8;
  for (const ChannelShape& shape : {ChannelShape{64, 3, 1}, ChannelShape{9, 3, 64}}) {
    std::vector<T> x(shape.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = T(offset + double(i * 7 % 16));
    const BatchNormDefinition definition{shape.outer, shape.channels, shape.inner};
    Values expected_mean, variance;
    definition.statistics(Values(x.begin(), x.end()), expected_mean, variance);
    const auto x_view = on_space(instance, x);
    const auto ones = on_space(instance, std::vector<T>(3, T(1)));
    const auto zeros = on_space(instance, std::vector<T>(3, T(0)));
    const auto y = poisoned<T>(instance, shape.size());
    const auto mean = poisoned<T>(instance, 3), inverse = poisoned<T>(instance, 3);
    const auto workspace = poisoned<T>(instance, batch_norm_workspace(shape));
    BatchNormArguments<Space, T> args;
    args.shape = shape;
    args.x = x_view;
    args.y = y;
    args.weight = ones;
    args.bias = zeros;
    args.running_mean = zeros;
    args.running_var = ones;
    args.mean = mean;
    args.inverse_deviation = inverse;
    args.momentum = 0;
    args.epsilon = 0;
    batch_norm_training<Space, T>(instance, BatchNormLabels("test/batch_norm"), args, workspace);
    instance.fence();
    for (const std::size_t c : {0u, 1u, 2u}) {
      EXPECT_NEAR(double(on_host(instance, inverse)[c]), 1 / std::sqrt(variance[c]), 1e-4) << c;
    }
  }
}

TEST_F(BatchNormKernel, OfALargeMeanKeepsTheDigitsOfTheDeviations) {
#define RIDGELINE_CHECK(Space, T) check_offset<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::kernels
