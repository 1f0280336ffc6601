#include "kernels/pooling/pooling.hpp"

#include <gtest/gtest.h>

#include "core/launch.hpp"
#include "kernels/pooling/device/pooling.hpp"
#include "support/matrices.hpp"
#include "support/pool.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::PoolDefinition;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;
using Values = std::vector<double>;

class DevicePool : public ridgeline::testing::Computing {};

#if defined(KOKKOS_ENABLE_OPENMP)
using Space = Kokkos::OpenMP;

// The device's functors, run on OpenMP.
template <class T>
void check_windows() {
  const Space instance;
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  for (const PoolShape& s : ridgeline::testing::pool_shapes()) {
    std::vector<T> x = random_values<T>(s.inputs(), 1);
    for (T& value : x) value = std::round(value * 4);  // creates equal values
    const std::vector<T> dy = random_values<T>(s.outputs(), 2);
    const Values wide_x(x.begin(), x.end()), wide_dy(dy.begin(), dy.end());
    const auto x_view = on_space(instance, x), dy_view = on_space(instance, dy);
    for (const bool largest : {true, false}) {
      const PoolDefinition definition{s, largest};
      const auto y = poisoned<T>(instance, s.outputs()), dx = poisoned<T>(instance, s.inputs());
      if (largest) {
        launch_elements(instance, "test/pool", s.outputs(),
                        DeviceMaxPool<T>{s, x_view.data(), y.data()});
        launch_elements(instance, "test/pool", s.inputs(),
                        DeviceMaxPoolGradient<T>{s, x_view.data(), dy_view.data(), dx.data()});
      } else {
        launch_elements(instance, "test/pool", s.outputs(),
                        DeviceAveragePool<T>{s, x_view.data(), y.data()});
        launch_elements(instance, "test/pool", s.inputs(),
                        DeviceAveragePoolGradient<T>{s, dy_view.data(), dx.data()});
      }
      instance.fence();
      EXPECT_LT(relative_error(on_host(instance, y), definition.forward(wide_x)), tolerance);
      EXPECT_LT(relative_error(on_host(instance, dx), definition.backward(wide_x, wide_dy)),
                tolerance);
    }
  }
}

TEST_F(DevicePool, MatchesTheDefinition) {
  check_windows<float>();
  check_windows<double>();
}

template <class T, int Threads>
void check_means() {
  const Space instance;
  for (const std::size_t size : {1, 3, 49, 130}) {
    const std::size_t planes = 11;
    const auto x = random_values<T>(planes * size, 1), dy = random_values<T>(planes, 2);
    const auto x_view = on_space(instance, x), dy_view = on_space(instance, dy);
    const auto y = poisoned<T>(instance, planes), dx = poisoned<T>(instance, planes * size);
    DevicePlaneMeans<Space, T, Threads>{size, x_view.data(), y.data()}.launch(instance, "test/pool",
                                                                              planes);
    launch_elements(instance, "test/pool", dx.size(),
                    DevicePlaneMeansGradient<T>{size, dy_view.data(), dx.data()});
    instance.fence();
    Values means(planes, 0.0), gradients;
    for (std::size_t i = 0; i < x.size(); ++i) {
      means[i / size] += double(x[i]) / double(size);
      gradients.push_back(double(dy[i / size]) / double(size));
    }
    EXPECT_LT(relative_error(on_host(instance, y), means), 1e-6);
    EXPECT_LT(relative_error(on_host(instance, dx), gradients), 1e-6);
  }
}

TEST_F(DevicePool, MeansOfPlanesMatchTheDefinitionInTeamsOfAnySize) {
  check_means<float, 1>();
  check_means<double, 2>();
  check_means<float, 4>();
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
