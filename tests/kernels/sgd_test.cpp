#include "kernels/sgd.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::random_values;
using ridgeline::testing::relative_error;

constexpr int kSteps = 6;

double rate_of(int step) { return 0.1 / (1.0 + step); }

template <class T>
struct State {
  std::vector<T> parameters, velocity;
};

template <class T>
std::vector<T> gradients(std::size_t size, int step) {
  return random_values<T>(size, 100 + std::uint64_t(step));
}

// torch.optim.SGD as its documentation has it, in float64 with dampening 0.
template <class T>
State<double> pytorch(const SgdOptions& options, std::size_t size) {
  State<double> state;
  for (const T p : random_values<T>(size, 1)) state.parameters.push_back(double(p));
  std::vector<double>& b = state.velocity;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<T> gradient = gradients<T>(size, step);
    for (std::size_t i = 0; i < size; ++i) {
      double& p = state.parameters[i];
      double g = double(gradient[i]);
      if (options.weight_decay != 0) g = g + options.weight_decay * p;
      if (options.momentum != 0) {
        if (step == 0) {
          b.push_back(g);
        } else {
          b[i] = options.momentum * b[i] + g;
        }
        g = options.nesterov ? g + options.momentum * b[i] : b[i];
      }
      p = p - rate_of(step) * g;
    }
  }
  return state;
}

template <class Space, class T>
State<T> run(const SgdOptions& options, std::size_t size) {
  const Space instance;
  const bool has_velocity = options.momentum != 0;
  const auto p = on_space(instance, random_values<T>(size, 1));
  const auto v = on_space(instance, std::vector<T>(has_velocity ? size : 0, T(0)));
  for (int step = 0; step < kSteps; ++step) {
    const auto g = on_space(instance, gradients<T>(size, step));
    const auto rate = on_space(instance, std::vector<double>{rate_of(step)});
    sgd<Space, T>(instance, "test/update", options, Vector<Space, const double>(rate.data(), 1),
                  Vector<Space, T>(p.data(), size), Vector<Space, const T>(g.data(), size),
                  Vector<Space, T>(v.data(), v.size()));
    instance.fence();
  }
  return {on_host(instance, p), on_host(instance, v)};
}

template <class Space, class T>
void check_sgd() {
  const SgdOptions all[] = {{0, 0, false},  {0, 0.02, false},   {0.9, 0, false},
                            {0.9, 0, true}, {0.9, 0.02, false}, {0.5, 0.02, true}};
  const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-14;
  for (const SgdOptions& options : all) {
    // One, a prime beyond a thread's block, and enough for several threads.
    for (const std::size_t size : {1, 4099, 30011}) {
      const State<double> expected = pytorch<T>(options, size);
      const State<T> found = run<Space, T>(options, size);
      EXPECT_LT(relative_error(found.parameters, expected.parameters), tolerance)
          << options.momentum << options.nesterov << options.weight_decay;
      ASSERT_EQ(found.velocity.size(), expected.velocity.size());
      EXPECT_LT(relative_error(found.velocity, expected.velocity), tolerance);
    }
  }
}

class Sgd : public ridgeline::testing::Computing {};

TEST_F(Sgd, FollowsPyTorchInEveryOption) {
#define RIDGELINE_CHECK(Space, T) check_sgd<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(Sgd, GivesTheSameBitsOnOneThreadAndOnMany) {
  const SgdOptions options{0.9, 1e-4, true};
  const auto serial = run<Kokkos::Serial, float>(options, 100003);
  const auto openmp = run<Kokkos::OpenMP, float>(options, 100003);
  EXPECT_EQ(serial.parameters, openmp.parameters);
  EXPECT_EQ(serial.velocity, openmp.velocity);
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
