#include "kernels/recurrence/recurrence.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "kernels/recurrence/cells.hpp"
#include "kernels/recurrence/device/recurrence.hpp"
#include "support/matrices.hpp"
#include "support/runtime.hpp"

namespace ridgeline::kernels {
namespace {

using ridgeline::testing::on_host;
using ridgeline::testing::on_space;
using ridgeline::testing::poisoned;
using ridgeline::testing::random_values;

struct Size {
  int batch, length, units;
};

// All outputs of a forward and a backward loop.
template <class T>
struct Result {
  std::vector<T> gates, before, kept, y, inference, dp, dq;
};

// Runs both directions and inference through `run(cell, weight)`.
template <class T, template <class, bool> class Forward, template <class> class Backward, class Run>
Result<T> run_cells(const Size& size, bool sequence, int gate_count, const Run& run) {
  const Kokkos::Serial host;
  const std::size_t rows = std::size_t(size.batch) * size.length, units = size.units;
  const auto p = random_values<T>(rows * gate_count * units, 1);
  const auto bias = on_space(host, random_values<T>(gate_count * units, 2));
  std::vector<T> w = random_values<T>(gate_count * units * units, 3);
  for (T& value : w) value /= T(units);
  const auto weight = on_space(host, w);
  const auto gates = on_space(host, p), inference = on_space(host, p);
  const std::size_t outputs = (sequence ? rows : size.batch) * units;
  const auto y = poisoned<T>(host, outputs), last = poisoned<T>(host, outputs);
  const auto before = poisoned<T>(host, rows * units), kept = poisoned<T>(host, rows * units);
  const auto dq = poisoned<T>(host, rows * gate_count * units);
  run(Forward<T, true>{size.length, size.units, sequence, gates.data(), bias.data(), before.data(),
                       kept.data(), y.data()},
      weight);
  run(Forward<T, false>{size.length, size.units, sequence, inference.data(), bias.data(), nullptr,
                        nullptr, last.data()},
      weight);
  Result<T> result;
  result.gates = on_host(host, gates);
  const auto dy = on_space(host, random_values<T>(outputs, 4));
  // An LSTM's dq is in the place of its gates.
  constexpr bool kSeparate = std::is_same_v<Backward<T>, GruBackward<T>>;
  run(Backward<T>{size.length, size.units, sequence, gates.data(), before.data(), kept.data(),
                  dy.data(), kSeparate ? dq.data() : gates.data()},
      weight);
  if (kSeparate) result.dq = on_host(host, dq);
  result.before = on_host(host, before);
  result.kept = on_host(host, kept);
  result.y = on_host(host, y);
  result.inference = on_host(host, last);
  result.dp = on_host(host, gates);
  return result;
}

template <class T>
void expect_near(const Result<T>& a, const Result<T>& b, const std::string& what) {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  const auto near = [&](const std::vector<T>& x, const std::vector<T>& y, const char* which) {
    EXPECT_LT(ridgeline::testing::relative_error(x, y), tolerance) << which << " " << what;
  };
  near(a.gates, b.gates, "gates");
  near(a.before, b.before, "state before");
  near(a.kept, b.kept, "kept");
  near(a.y, b.y, "output");
  near(a.inference, b.inference, "inference");
  near(a.dp, b.dp, "dP");
  near(a.dq, b.dq, "dQ");
}

// The host's kernel, which the layers' tests compare with the definition.
template <class Space>
struct OnHost {
  int batch;
  template <class Cell, class T>
  void operator()(const Cell& cell, const Buffer<Kokkos::Serial, T>& weight) const {
    const Space instance;
    const auto workspace =
        poisoned<T>(instance, recurrence_workspace<Cell>(false, batch, cell.units));
    recurrence(instance, RecurrenceLabels("test/recurrence"), batch, cell, weight,
               Vector<Space, T>(workspace.data(), workspace.size()));
    instance.fence();
  }
};

// Ones, primes, more and fewer units than threads, a depth in several parts, edges of a team's
// samples, and so many units that a team's memory does not fit its scratch.
const Size kSizes[] = {{1, 1, 1}, {3, 2, 1},  {2, 5, 3},  {5, 3, 7}, {4, 4, 16},
                       {7, 6, 9}, {9, 2, 33}, {17, 3, 8}, {6, 5, 2}, {3, 2, 700}};

#if defined(KOKKOS_ENABLE_OPENMP)
// The device's kernel on teams of OpenMP threads: the same code as on a device.
template <int Samples, int Team>
struct OnTeams {
  int batch;
  template <class Cell, class T>
  void operator()(const Cell& cell, const Buffer<Kokkos::Serial, T>& weight) const {
    using Kernel = DeviceRecurrence<Kokkos::OpenMP, Cell, Samples, Team>;
    const Kokkos::OpenMP instance;
    const auto workspace = poisoned<T>(instance, Kernel::workspace(batch, cell.units));
    const LaunchCount count = launch_count;
    Kernel::launch(instance, RecurrenceLabels("test/recurrence"), batch, cell, weight,
                   Vector<Kokkos::OpenMP, T>(workspace.data(), workspace.size()));
    instance.fence();
    EXPECT_EQ(launch_count.barriers - count.barriers, 1 + 2 * cell.length);
  }
};

template <class T, int Samples, int Team>
void check_teams() {
  ASSERT_GE(Kokkos::OpenMP().concurrency(), Team);
  for (const Size& size : kSizes) {
    for (const bool sequence : {true, false}) {
      const std::string what = std::to_string(size.batch) + "x" + std::to_string(size.length) +
                               "x" + std::to_string(size.units) +
                               (sequence ? " sequence" : " last");
      const OnHost<Kokkos::Serial> host{size.batch};
      const OnTeams<Samples, Team> teams{size.batch};
      expect_near(run_cells<T, LstmForward, LstmBackward>(size, sequence, 4, teams),
                  run_cells<T, LstmForward, LstmBackward>(size, sequence, 4, host), "lstm " + what);
      expect_near(run_cells<T, GruForward, GruBackward>(size, sequence, 3, teams),
                  run_cells<T, GruForward, GruBackward>(size, sequence, 3, host), "gru " + what);
    }
  }
}

class Recurrence : public ridgeline::testing::Computing {};

TEST_F(Recurrence, DeviceKernelOnOpenMPTeamsMatchesTheHosts) {
  check_teams<float, 4, 4>();
  check_teams<double, 4, 4>();
  check_teams<float, 2, 2>();
  check_teams<double, 1, 1>();
}

TEST_F(Recurrence, DeviceKernelCutsTheDepthWhereThereAreMoreThreadsThanColumns) {
  using Backward = DeviceRecurrence<Kokkos::OpenMP, LstmBackward<float>, 4, 512>;
  EXPECT_EQ(Backward::parts_of(128), 4);
  EXPECT_EQ(Backward::parts_of(600), 1);
  using Forward = DeviceRecurrence<Kokkos::OpenMP, LstmForward<float, true>, 4, 512>;
  EXPECT_EQ(Forward::parts_of(128), 1);
  EXPECT_EQ(Forward::parts_of(32), 4);
  EXPECT_FALSE(Forward::spills(128));
  EXPECT_TRUE(Forward::spills(1024));
}

TEST_F(Recurrence, OneThreadAndManyGiveTheSameBits) {
  const Size size{37, 20, 70};
  const OnHost<Kokkos::Serial> one{size.batch};
  const OnHost<Kokkos::OpenMP> many{size.batch};
  const auto a = run_cells<float, LstmForward, LstmBackward>(size, true, 4, one);
  const auto b = run_cells<float, LstmForward, LstmBackward>(size, true, 4, many);
  EXPECT_EQ(a.y, b.y);
  EXPECT_EQ(a.gates, b.gates);
  EXPECT_EQ(a.dp, b.dp);
}
#endif

}  // namespace
}  // namespace ridgeline::kernels
