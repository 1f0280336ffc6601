#include "kernels/batch_norm.hpp"

#include <gtest/gtest.h>

#include "kernels/device_batch_norm.hpp"
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

class BatchNormTeams : public ridgeline::testing::Computing {};

#if defined(KOKKOS_ENABLE_OPENMP)
using Space = Kokkos::OpenMP;

// The device's kernels on teams of OpenMP threads: indices, barriers and edges.
template <class T, int Channels, int Threads>
void check_teams() {
  const double tolerance = sizeof(T) == 4 ? 4e-6 : 1e-12;
  using Kernels = DeviceBatchNorm<Space, T, Channels, Threads>;
  const Space instance;
  ASSERT_GE(instance.concurrency(), Channels * Threads);
  const BatchNormLabels labels("test/batch_norm");
  const ChannelShape shapes[] = {{5, 3, 1}, {7, 2, 49}, {33, 5, 40}, {1, 1, 7}, {301, 6, 1}};
  for (const ChannelShape& shape : shapes) {
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
    const auto workspace = poisoned<T>(instance, 2 * Kernels::cut(shape).groups * c);

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
    Kernels::inference(instance, labels, args);
    instance.fence();
    EXPECT_LT(relative_error(on_host(instance, y), output(wide(running), wide(running_var))),
              tolerance);
    Kernels::training(instance, labels, args, workspace.data());
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
    Kernels::backward(instance, labels, back, workspace.data());
    instance.fence();
    EXPECT_TRUE(std::isnan(on_host(instance, dx).front()));  // not asked for
    back.dx = dx;
    Kernels::backward(instance, labels, back, workspace.data());
    instance.fence();
    Values weight_gradient, bias_gradient, input_gradient;
    definition.gradients(wide(x), wide(dy), wide(weight), weight_gradient, bias_gradient,
                         input_gradient);
    EXPECT_LT(relative_error(on_host(instance, dw), weight_gradient), tolerance);
    EXPECT_LT(relative_error(on_host(instance, db), bias_gradient), tolerance);
    EXPECT_LT(relative_error(on_host(instance, dx), input_gradient), tolerance);
  }
}

TEST_F(BatchNormTeams, OfEveryFormMatchTheDefinition) {
  check_teams<float, 1, 1>();
  check_teams<float, 1, 2>();
  check_teams<float, 2, 1>();
  check_teams<double, 2, 2>();
  check_teams<float, 1, 4>();
  check_teams<double, 4, 1>();
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
