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

class PoolOnTeams : public ridgeline::testing::Computing {};

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
      const auto run = [&](auto known) {
        using Memory = MemoryOf<Space>;
        const auto planes = as_matrix(x_view, s.planes, s.inputs() / s.planes);
        launch_elements(instance, "test/pool", s.outputs(),
                        DevicePool<Memory, T, known()>{s, planes, y});
        launch_elements(instance, "test/pool", s.inputs(),
                        DevicePoolGradient<Memory, T, known()>{
                            s, planes, as_matrix(dy_view, s.planes, s.outputs() / s.planes), dx});
      };
      if (largest) {
        run(std::true_type());
      } else {
        run(std::false_type());
      }
      instance.fence();
      EXPECT_LT(relative_error(on_host(instance, y), definition.forward(wide_x)), tolerance);
      EXPECT_LT(relative_error(on_host(instance, dx), definition.backward(wide_x, wide_dy)),
                tolerance);
    }
  }
}

TEST_F(PoolOnTeams, MatchesTheDefinition) {
  check_windows<float>();
  check_windows<double>();
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
