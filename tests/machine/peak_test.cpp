#include "machine/peak.hpp"

#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>

#include <cmath>
#include <cstdint>
#include <string>

#include "machine/dispatch.hpp"
#include "machine/host_peak.hpp"
#include "machine/transfer.hpp"
#include "support/manual_clock.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::MeasureOptions;
using ridgeline::SpaceKind;
using ridgeline::testing::ManualClock;
namespace tools = Kokkos::Tools::Experimental;

class Peak : public ridgeline::testing::Computing {};
class Dispatch : public ridgeline::testing::Computing {};
class Transfer : public ridgeline::testing::Computing {};

MeasureOptions shortest() {
  MeasureOptions options;
  options.min_repeats = 2;
  options.min_seconds = 0;
  options.warm_up_seconds = 0;
  options.batch_seconds = options.batch_below;
  return options;
}

template <class T>
void check_chains() {
  namespace host = ridgeline::machine::host;
  const std::size_t count = host::fma_chain_count<T>();
  // At least twelve vectors of at least 16 bytes.
  EXPECT_GE(count, 12 * 16 / sizeof(T));
  std::vector<T> x(count), expected(count);
  for (std::size_t i = 0; i < count; ++i) x[i] = expected[i] = T(0.5) + T(i) / T(count);
  const T factor = T(0.75), addend = T(0.25);
  host::fma_chains(x.data(), factor, addend, 17);
  for (T& value : expected) {
    for (int step = 0; step < 17; ++step) value = std::fma(value, factor, addend);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_NEAR(x[i], expected[i], 8 * std::numeric_limits<T>::epsilon()) << i;
  }
}

TEST(FmaChains, GiveAPlainLoopsResultInEveryLane) {
  check_chains<float>();
  check_chains<double>();
}

TEST(FmaChains, NoStepsChangeNothing) {
  std::vector<float> x(ridgeline::machine::host::fma_chain_count<float>(), 1.5f);
  ridgeline::machine::host::fma_chains(x.data(), 0.5f, 0.5f, 0);
  for (const float value : x) EXPECT_EQ(value, 1.5f);
}

TEST_F(Peak, IsVerifiedAndCountsTwoFlopsPerStepOnEverySpace) {
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const auto single = ridgeline::machine::measure_peak<float>(kind, shortest());
    const auto twice = ridgeline::machine::measure_peak<double>(kind, shortest());
    EXPECT_GT(single.gflops(), 0);
    EXPECT_GT(twice.gflops(), 0);
    EXPECT_EQ(single.threads, twice.threads);
    if (kind != SpaceKind::cuda) {
      EXPECT_DOUBLE_EQ(single.flops, 2 * twice.flops);  // twice as many lanes
    }
  }
}

// Moves the test's clock at each launch, by what each kernel of the probe is to cost.
class LaunchClock {
 public:
  LaunchClock() : before_(tools::get_callbacks()) {
    tools::set_begin_parallel_for_callback([](const char* label, std::uint32_t, std::uint64_t*) {
      const std::string name = label;
      ManualClock::advance(name == "dispatch/empty"           ? kEmpty
                           : name == "dispatch/single_thread" ? kSingleThread
                                                              : kBarriers);
    });
    tools::set_begin_parallel_reduce_callback(
        [](const char*, std::uint32_t, std::uint64_t*) { ManualClock::advance(kReduction); });
  }
  ~LaunchClock() { tools::set_callbacks(before_); }

  static constexpr double kEmpty = 1.0 / 4096, kReduction = 2.0 / 4096, kSingleThread = 4.0 / 4096,
                          kBarriers = 8.0 / 4096;

 private:
  ManualClock clock_;
  tools::EventSet before_;
};

TEST_F(Dispatch, EachCostIsThatOfItsKernel) {
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const LaunchClock clock;
    const auto costs = ridgeline::machine::measure_dispatch(kind, shortest());
    EXPECT_EQ(costs.empty_kernel.median, LaunchClock::kEmpty);
    EXPECT_EQ(costs.empty_kernel_fenced.median, LaunchClock::kEmpty);
    EXPECT_EQ(costs.reduction.median, LaunchClock::kReduction);
    EXPECT_EQ(costs.single_thread_kernel.has_value(), kind != SpaceKind::cuda);
    if (costs.single_thread_kernel) {
      EXPECT_EQ(costs.single_thread_kernel->median, LaunchClock::kSingleThread);
    }
    // The launch itself is no part of a barrier: with and without barriers it costs the same here.
    ASSERT_TRUE(costs.team_barrier.has_value());
    EXPECT_EQ(costs.team_barrier->median, 0);
    EXPECT_GE(costs.team_size, kind == SpaceKind::openmp ? 2 : 1);
  }
}

TEST_F(Dispatch, ABarrierIsThatOfAllThreads) {
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const auto costs = ridgeline::machine::measure_dispatch(kind, shortest());
    ASSERT_TRUE(costs.team_barrier.has_value());
    if (costs.team_size > 1) {
      EXPECT_GT(costs.team_barrier->max, 1e-9);  // threads that wait for each other
    }
  }
}

TEST_F(Transfer, OnlyADeviceHasTransfers) {
  ridgeline::machine::TransferOptions options;
  options.largest = 64;
  options.min_seconds = 0;
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const auto points = ridgeline::machine::transfer_ladder(kind, options);
    EXPECT_EQ(points.size(), kind == SpaceKind::cuda ? 4 * 4u : 0u);
  }
}

}  // namespace
