#include "kernels/optimizer/optimizer.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/matrices.hpp"
#include "support/runtime.hpp"
#include "support/tally.hpp"

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
  std::vector<T> parameters;
  std::vector<std::vector<T>> state;
};

template <class T>
std::vector<T> gradients(std::size_t size, int step) {
  return random_values<T>(size, 100 + std::uint64_t(step));
}

std::vector<UpdateRule> all_optimizers() {
  std::vector<UpdateRule> all;
  const auto add = [&](UpdateKind kind, double momentum, bool nesterov, double decay) {
    UpdateRule optimizer;
    optimizer.kind = kind;
    optimizer.momentum = momentum;
    optimizer.nesterov = nesterov;
    optimizer.weight_decay = decay;
    optimizer.beta1 = 0.9;
    optimizer.beta2 = 0.999;
    optimizer.alpha = 0.99;
    optimizer.epsilon = 1e-3;  // large enough that it matters where it is added
    all.push_back(optimizer);
  };
  for (const double decay : {0.0, 0.02}) {
    add(UpdateKind::sgd, 0, false, decay);
    add(UpdateKind::sgd, 0.9, false, decay);
    add(UpdateKind::sgd, 0.5, true, decay);
    add(UpdateKind::adam, 0, false, decay);
    add(UpdateKind::adamw, 0, false, decay);
    add(UpdateKind::rmsprop, 0, false, decay);
    add(UpdateKind::rmsprop, 0.7, false, decay);
  }
  return all;
}

std::string shown(const UpdateRule& optimizer) {
  return "kind " + std::to_string(int(optimizer.kind)) + " momentum " +
         std::to_string(optimizer.momentum) + " decay " + std::to_string(optimizer.weight_decay);
}

// torch.optim's SGD, Adam, AdamW and RMSprop by their documentation, in float64.
template <class T>
State<double> pytorch(const UpdateRule& o, std::size_t size, double scale) {
  State<double> run;
  for (const T p : random_values<T>(size, 1)) run.parameters.push_back(double(p));
  run.state.assign(state_names(o).size(), std::vector<double>(size, 0.0));
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<T> gradient = gradients<T>(size, step);
    const double rate = rate_of(step);
    for (std::size_t i = 0; i < size; ++i) {
      double& p = run.parameters[i];
      double g = scale * double(gradient[i]);
      if (o.kind == UpdateKind::adamw) {
        p *= 1 - rate * o.weight_decay;
      } else {
        g += o.weight_decay * p;
      }
      if (o.kind == UpdateKind::sgd) {
        if (o.momentum != 0) {
          double& b = run.state[0][i];
          b = step == 0 ? g : o.momentum * b + g;
          g = o.nesterov ? g + o.momentum * b : b;
        }
        p -= rate * g;
      } else if (o.kind == UpdateKind::rmsprop) {
        double& v = run.state[0][i];
        v = o.alpha * v + (1 - o.alpha) * g * g;
        double move = g / (std::sqrt(v) + o.epsilon);
        if (o.momentum != 0) {
          double& b = run.state[1][i];
          b = o.momentum * b + move;
          move = b;
        }
        p -= rate * move;
      } else {
        double& m = run.state[0][i];
        double& v = run.state[1][i];
        m = o.beta1 * m + (1 - o.beta1) * g;
        v = o.beta2 * v + (1 - o.beta2) * g * g;
        const double m_hat = m / (1 - std::pow(o.beta1, step + 1));
        const double v_hat = v / (1 - std::pow(o.beta2, step + 1));
        p -= rate * m_hat / (std::sqrt(v_hat) + o.epsilon);
      }
    }
  }
  return run;
}

template <class Space, class T>
State<T> run(const UpdateRule& optimizer, std::size_t size, bool clipped = false,
             bool applied = true) {
  const Space instance;
  const auto p = on_space(instance, random_values<T>(size, 1));
  const std::size_t states = state_names(optimizer).size();
  Buffer<Space, T> buffers[kMostStates];
  OptimizerArguments<Space, T> arguments;
  for (std::size_t s = 0; s < states; ++s) {
    buffers[s] = on_space(instance, std::vector<T>(size, T(0)));
    arguments.state[s] = Vector<Space, T>(buffers[s].data(), size);
  }
  arguments.parameters = Vector<Space, T>(p.data(), size);
  for (int step = 0; step < kSteps; ++step) {
    const auto g = on_space(instance, gradients<T>(size, step));
    std::vector<double> host(kStepNumbers, clipped ? 0.25 : NAN);
    set_step_numbers(optimizer, rate_of(step), step,
                     Vector<Kokkos::Serial, double>(host.data(), host.size()));
    host[kApply] = applied ? 1 : 0;
    const auto numbers = on_space(instance, host);
    arguments.gradients = Vector<Space, const T>(g.data(), size);
    arguments.numbers = Vector<Space, const double>(numbers.data(), numbers.size());
    update<Space, T>(instance, "test/update", optimizer, clipped, arguments);
    instance.fence();
  }
  State<T> found;
  found.parameters = on_host(instance, p);
  for (std::size_t s = 0; s < states; ++s) found.state.push_back(on_host(instance, buffers[s]));
  return found;
}

template <class Space, class T>
void check_update() {
  const double tolerance = sizeof(T) == 4 ? 5e-6 : 1e-14;
  for (const UpdateRule& optimizer : all_optimizers()) {
    // One, a prime beyond a thread's block, and enough for several threads.
    for (const std::size_t size : {1, 4099, 30011}) {
      for (const bool clipped : {false, true}) {
        const State<double> expected = pytorch<T>(optimizer, size, clipped ? 0.25 : 1.0);
        const State<T> found = run<Space, T>(optimizer, size, clipped);
        EXPECT_LT(relative_error(found.parameters, expected.parameters), tolerance)
            << shown(optimizer);
        ASSERT_EQ(found.state.size(), expected.state.size());
        for (std::size_t s = 0; s < found.state.size(); ++s) {
          EXPECT_LT(relative_error(found.state[s], expected.state[s]), tolerance)
              << shown(optimizer);
        }
      }
    }
  }
}

class OptimizerKernels : public ridgeline::testing::Computing {};

TEST_F(OptimizerKernels, FollowPyTorchInEveryOption) {
#define RIDGELINE_CHECK(Space, T) check_update<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(OptimizerKernels, GiveTheSameBitsOnOneThreadAndOnMany) {
  for (const UpdateRule& optimizer : all_optimizers()) {
    const auto serial = run<Kokkos::Serial, float>(optimizer, 100003);
    const auto openmp = run<Kokkos::OpenMP, float>(optimizer, 100003);
    EXPECT_EQ(serial.parameters, openmp.parameters) << shown(optimizer);
    EXPECT_EQ(serial.state, openmp.state) << shown(optimizer);
  }
}
#endif

template <class Space, class T>
void check_left_out() {
  for (const UpdateRule& optimizer : all_optimizers()) {
    const State<T> found = run<Space, T>(optimizer, 4099, false, false);
    EXPECT_EQ(found.parameters, random_values<T>(4099, 1)) << shown(optimizer);
    for (const auto& state : found.state) EXPECT_EQ(state, std::vector<T>(4099, T(0)));
  }
}

TEST_F(OptimizerKernels, UpdateNothingWhenTheStepIsLeftOut) {
#define RIDGELINE_CHECK(Space, T) check_left_out<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST(StepHealth, CountsBadStepsAndEndsUpdates) {
  std::int64_t values[kHealthNumbers] = {};
  const HealthView<Kokkos::Serial> health(values, kHealthNumbers);
  EXPECT_TRUE(close_step(health, 0, true));
  health[kBadNow] = 1;
  EXPECT_FALSE(close_step(health, 1, true));
  EXPECT_EQ(health[kStoppedAt], 2);
  EXPECT_FALSE(close_step(health, 2, true));  // also for a good step: it follows a stop
  EXPECT_EQ(health[kSkipped], 0);             // the run ends, and none was skipped
}

TEST(StepHealth, AllowsTenBadStepsInARow) {
  std::int64_t values[kHealthNumbers] = {};
  const HealthView<Kokkos::Serial> health(values, kHealthNumbers);
  std::int64_t step = 0;
  const auto bad = [&] {
    health[kBadNow] = 1;
    return close_step(health, step++, false);
  };
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(bad());
  EXPECT_EQ(health[kStoppedAt], 0);
  EXPECT_TRUE(close_step(health, step++, false));
  EXPECT_EQ(health[kBadInARow], 0);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(bad());
  EXPECT_EQ(health[kStoppedAt], 20);
  EXPECT_EQ(health[kSkipped], 19);
}

// The factor for these gradients, and the bits of it.
template <class Space, class T>
double clipped_scale(const std::vector<T>& values, double most, bool* finite = nullptr) {
  const Space instance;
  const auto health = on_space(instance, std::vector<std::int64_t>(kHealthNumbers, 0));
  const auto g = on_space(instance, values);
  const auto partials = on_space(instance, std::vector<double>(clip_partials(values.size()), NAN));
  const auto numbers = on_space(instance, std::vector<double>(kStepNumbers, NAN));
  clip_scale<Space, T>(instance, "test/norm", "test/clip", most,
                       Vector<Space, const T>(g.data(), values.size()),
                       Vector<Space, double>(partials.data(), partials.size()),
                       Vector<Space, double>(numbers.data(), numbers.size()),
                       HealthView<Space>(health.data(), finite ? health.size() : 0));
  instance.fence();
  if (finite) *finite = on_host(instance, health)[kBadNow] == 0;
  return on_host(instance, numbers)[kGradientScale];
}

template <class Space, class T>
void check_clipping() {
  for (const std::size_t size : {1, 16384, 16385, 100003}) {
    const std::vector<T> values = random_values<T>(size, 3);
    double squares = 0;
    for (const T value : values) squares += double(value) * double(value);
    const double norm = std::sqrt(squares);
    EXPECT_NEAR((clipped_scale<Space, T>(values, 0.5 * norm)), 0.5 * norm / (norm + 1e-6), 1e-12);
    EXPECT_EQ((clipped_scale<Space, T>(values, 2 * norm)), 1.0);
  }
  EXPECT_EQ((clipped_scale<Space, T>({T(0), T(0)}, 1.0)), 1.0);
  EXPECT_TRUE(std::isnan(clipped_scale<Space, T>({T(1), T(NAN)}, 1.0)));
  // A norm without a limit only checks whether all are finite.
  bool finite = false;
  EXPECT_EQ((clipped_scale<Space, T>({T(1), T(-1e30)}, HUGE_VAL, &finite)), 1.0);
  EXPECT_TRUE(finite);
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    std::vector<T> values(20000, T(1));
    values[17000] = static_cast<T>(bad);
    clipped_scale<Space, T>(values, HUGE_VAL, &finite);
    EXPECT_FALSE(finite);
  }
}

TEST_F(OptimizerKernels, ClipToTheGlobalNormAndPropagateNaN) {
#define RIDGELINE_CHECK(Space, T) check_clipping<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

}  // namespace
}  // namespace ridgeline::kernels
