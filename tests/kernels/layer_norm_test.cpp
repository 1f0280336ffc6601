#include "kernels/layer_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/device_layer_norm.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

#if defined(KOKKOS_ENABLE_OPENMP)

using Space = Kokkos::OpenMP;

class LayerNormKernel : public ridgeline::testing::Computing {};

template <class T, int Team>
void check_layer_norm() {
  const Space instance;
  for (const auto& [rows, n] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 2}, {5, 11}}) {
    const std::vector<T> x = random_values<T>(rows * n, 1), dy = random_values<T>(rows * n, 2);
    const auto in = on_space(instance, x), slope = on_space(instance, dy);
    const auto weight = on_space(instance, random_values<T>(n, 3));
    const auto bias = on_space(instance, random_values<T>(n, 4));
    using Kernel = DeviceLayerNorm<Space, T, Team>;
    const auto y = poisoned<T>(instance, rows * n), dx = poisoned<T>(instance, rows * n);
    const auto statistics = poisoned<T>(instance, 2 * rows);
    Kernel kernel{};
    kernel.features = int(n);
    kernel.x = in.data();
    kernel.weight = weight.data();
    kernel.bias = bias.data();
    kernel.y = y.data();
    kernel.statistics = statistics.data();
    kernel.kept = statistics.data();
    kernel.dy = slope.data();
    kernel.dx = dx.data();
    kernel.epsilon = T(1e-3);
    kernel.template launch<typename Kernel::Forward>(instance, "test/layer_norm", rows);
    kernel.template launch<typename Kernel::Backward>(instance, "test/layer_norm", rows);
    instance.fence();

    // The host's, which the layer's tests hold against a definition.
    const auto y_host = poisoned<T>(instance, rows * n), dx_host = poisoned<T>(instance, rows * n);
    const auto kept = poisoned<T>(instance, 2 * rows), sums = poisoned<T>(instance, 2 * n);
    const auto workspace = poisoned<T>(instance, layer_norm_workspace(rows, n));
    using In = Vector<Space, const T>;
    using Out = Vector<Space, T>;
    using Rows = Matrix<Space, const T>;
    layer_norm<Space, T>(instance, "test/layer_norm", Rows(in.data(), rows, n),
                         In(weight.data(), n), In(bias.data(), n), 1e-3,
                         Matrix<Space, T>(y_host.data(), rows, n), Out(kept.data(), 2 * rows));
    layer_norm_gradient<Space, T>(instance, LayerNormLabels("test/layer_norm"),
                                  Rows(in.data(), rows, n), In(weight.data(), n),
                                  In(kept.data(), 2 * rows), Rows(slope.data(), rows, n),
                                  Matrix<Space, T>(dx_host.data(), rows, n), Out(sums.data(), n),
                                  Out(sums.data() + n, n), Out(workspace.data(), workspace.size()));
    instance.fence();
    const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;
    EXPECT_LT(relative_error(on_host(instance, y), on_host(instance, y_host)), tolerance) << n;
    EXPECT_LT(relative_error(on_host(instance, statistics), on_host(instance, kept)), tolerance);
    if (n == 1) {  // nothing is left of one number, but rounding
      for (const T left : on_host(instance, dx)) EXPECT_LT(std::abs(left), 10 * tolerance);
      continue;
    }
    EXPECT_LT(relative_error(on_host(instance, dx), on_host(instance, dx_host)), tolerance) << n;
  }
}

TEST_F(LayerNormKernel, OnOpenMPTeamsNormalisesRowsAsTheHostDoes) {
  ASSERT_GE(Space().concurrency(), 4);
  check_layer_norm<float, 1>();
  check_layer_norm<double, 2>();
  check_layer_norm<float, 4>();
}

#endif

}  // namespace
}  // namespace ridgeline::kernels
