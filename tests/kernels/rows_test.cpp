#include <gtest/gtest.h>

#include "kernels/loss.hpp"
#include "kernels/softmax.hpp"
#include "kernels/value_losses.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

// The device's kernels over rows on teams of OpenMP threads, against the host's.

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

class RowTeams : public ridgeline::testing::Computing {};

#if defined(KOKKOS_ENABLE_OPENMP)
using Space = Kokkos::OpenMP;

template <class T>
constexpr double kTolerance = sizeof(T) == 4 ? 2e-6 : 1e-13;

template <class T>
Matrix<Space, T> matrix(const Buffer<Space, T>& buffer, std::size_t rows) {
  return Matrix<Space, T>(buffer.data(), rows, buffer.size() / rows);
}
template <class T>
Vector<Space, T> vector(const Buffer<Space, T>& buffer) {
  return Vector<Space, T>(buffer.data(), buffer.size());
}

template <class T, int Threads>
void check_softmax(std::size_t rows, std::size_t n) {
  const Space instance;
  const auto x = on_space(instance, random_values<T>(rows * n, 1));
  const auto dy = on_space(instance, random_values<T>(rows * n, 2));
  const auto y = poisoned<T>(instance, rows * n), dx = poisoned<T>(instance, rows * n);
  const auto y_team = poisoned<T>(instance, rows * n), dx_team = poisoned<T>(instance, rows * n);
  softmax<Space, T>(instance, "test/softmax", matrix(x, rows), matrix(y, rows));
  softmax_gradient<Space, T>(instance, "test/softmax", matrix(y, rows), matrix(dy, rows),
                             matrix(dx, rows));
  using Rows = DeviceRows<Space, T, Threads>;
  Rows::launch(instance, "test/softmax", rows,
               DeviceSoftmax<Space, T, Threads>{n, x.data(), y_team.data()});
  Rows::launch(
      instance, "test/softmax", rows,
      DeviceSoftmaxGradient<Space, T, Threads>{n, y_team.data(), dy.data(), dx_team.data()});
  instance.fence();
  EXPECT_LT(relative_error(on_host(instance, y_team), on_host(instance, y)), kTolerance<T>);
  EXPECT_LT(relative_error(on_host(instance, dx_team), on_host(instance, dx)), 10 * kTolerance<T>);
}

template <class T, int Threads>
void check_cross_entropy(std::size_t rows, std::size_t n, double smoothing, double offset = 0) {
  const Space instance;
  std::vector<T> logits = random_values<T>(rows * n, 3);
  // Ties, so that which largest logit is the first matters.
  for (T& z : logits) z = std::floor(z * 4) + T(offset);
  std::vector<std::int32_t> labels;
  for (std::size_t row = 0; row < rows; ++row) labels.push_back(std::int32_t(row * 7 % n));
  const auto z = on_space(instance, logits);
  const auto label = on_space(instance, labels);
  const auto loss = poisoned<T>(instance, rows), correct = poisoned<T>(instance, rows);
  const auto gradient = poisoned<T>(instance, rows * n);
  softmax_cross_entropy<Space, T>(instance, "test/loss", matrix(z, rows),
                                  Vector<Space, const std::int32_t>(label.data(), rows), smoothing,
                                  matrix(gradient, rows), vector(loss), vector(correct));
  const auto loss_team = poisoned<T>(instance, rows), correct_team = poisoned<T>(instance, rows);
  const auto gradient_team = poisoned<T>(instance, rows * n);
  DeviceRows<Space, T, Threads>::launch(
      instance, "test/loss", rows,
      DeviceCrossEntropy<Space, T, Threads>{n, z.data(), label.data(), T(smoothing), T(1) / T(rows),
                                            gradient_team.data(), loss_team.data(),
                                            correct_team.data()});
  instance.fence();
  EXPECT_LT(relative_error(on_host(instance, loss_team), on_host(instance, loss)), kTolerance<T>);
  // The gradient of a single class is nothing but rounding.
  if (n > 1) {
    EXPECT_LT(relative_error(on_host(instance, gradient_team), on_host(instance, gradient)),
              kTolerance<T>);
  }
  EXPECT_EQ(on_host(instance, correct_team), on_host(instance, correct));
}

template <class T, int Threads>
void check_value_losses(std::size_t rows, std::size_t n) {
  const Space instance;
  const auto y = on_space(instance, random_values<T>(rows * n, 4));
  const auto t = on_space(instance, random_values<T>(rows * n, 5));
  const auto loss = poisoned<T>(instance, rows), gradient = poisoned<T>(instance, rows * n);
  const auto loss_team = poisoned<T>(instance, rows), slope = poisoned<T>(instance, rows * n);
  const auto compare = [&](const char* what) {
    instance.fence();
    EXPECT_LT(relative_error(on_host(instance, loss_team), on_host(instance, loss)), kTolerance<T>)
        << what;
    EXPECT_LT(relative_error(on_host(instance, slope), on_host(instance, gradient)), kTolerance<T>)
        << what;
  };
  const T scale = T(1) / T(rows * n);
  mean_squared_error<Space, T>(instance, "test/loss", matrix(y, rows), matrix(t, rows),
                               matrix(gradient, rows), vector(loss));
  DeviceRows<Space, T, Threads>::launch(
      instance, "test/loss", rows,
      DeviceValueLoss<Space, T, Threads, SquaredError<T>>{
          n, y.data(), t.data(), slope.data(), loss_team.data(), {scale}});
  compare("squared error");
  binary_cross_entropy<Space, T>(instance, "test/loss", matrix(y, rows), matrix(t, rows),
                                 matrix(gradient, rows), vector(loss));
  DeviceRows<Space, T, Threads>::launch(
      instance, "test/loss", rows,
      DeviceValueLoss<Space, T, Threads, BinaryCrossEntropy<T>>{
          n, y.data(), t.data(), slope.data(), loss_team.data(), {scale}});
  compare("binary cross-entropy");
}

template <class T, int Threads>
void check_all() {
  for (const std::size_t rows : {1, 9}) {
    for (const std::size_t n : {1, 3, 10, 67}) {
      check_softmax<T, Threads>(rows, n);
      check_cross_entropy<T, Threads>(rows, n, 0.0);
      check_cross_entropy<T, Threads>(rows, n, 0.1);
      check_cross_entropy<T, Threads>(rows, n, 0.1, 1e6);
      check_value_losses<T, Threads>(rows, n);
    }
  }
}

TEST_F(RowTeams, AgreeWithTheHostsRows) {
  ASSERT_GE(Space().concurrency(), 4);
  check_all<float, 1>();
  check_all<float, 4>();
  check_all<double, 2>();
  check_all<double, 4>();
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
