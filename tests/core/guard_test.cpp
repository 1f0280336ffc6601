#include "core/guard.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/timing.hpp"
#include "support/runtime.hpp"

// The definition of a disturbance, on synthetic windows. Whether a real one is detected, and a
// quiet machine gives no alarm, depends on the machine: tests/peers/disturbance.py checks it.

namespace ridgeline {
namespace {

constexpr Watched kTwoOfFour{2, 2, 4};

WatchedWindow quiet_window() {
  WatchedWindow window;
  window.seconds = 1;
  window.waiting = 0.005;
  window.others = 0.05;
  window.stolen = 0.002;
  window.pressure = 0.01;
  window.pulse = Pulse::Seconds{20e-6, 10e-6};
  window.exchange = {2e-6, 2e-6};
  return window;
}

std::vector<WatchedWindow> ten_windows(int disturbed, const WatchedWindow& other) {
  std::vector<WatchedWindow> windows(10, quiet_window());
  for (int i = 0; i < disturbed; ++i) windows[static_cast<std::size_t>(i)] = other;
  return windows;
}

TEST(Judge, AQuietMachineGivesNoAlarm) {
  const Disturbance quiet = judge(ten_windows(0, {}), kTwoOfFour);
  EXPECT_FALSE(quiet.alarm());
  EXPECT_EQ(quiet.disturbed_seconds, 0);
  EXPECT_NEAR(*quiet.waiting_share, 0.0025, 1e-12);
  EXPECT_NEAR(*quiet.other_processors, 0.05, 1e-12);
  EXPECT_NEAR(*quiet.steal_share, 0.001, 1e-12);
  EXPECT_NEAR(*quiet.pressure_share, 0.01, 1e-12);
  EXPECT_EQ(quiet.arithmetic_pulse.median, 20e-6);
  EXPECT_EQ(quiet.exchange_pulse.median, 2e-6);
}

TEST(Judge, EachKindOfDisturbanceHasItsReason) {
  struct Case {
    std::function<void(WatchedWindow&)> disturb;
    std::string reason;
  };
  const Case cases[] = {
      {[](WatchedWindow& w) { w.waiting = 0.5; },
       "the threads waited for a processor 25.0 % of the time (in 3 of 10 s)"},
      {[](WatchedWindow& w) { w.others = 1; },
       "other processes kept 1.0 of 4 processors busy (in 3 of 10 s)"},
      {[](WatchedWindow& w) { w.stolen = 0.2; },
       "the hypervisor took 10.0 % of the processors' time (in 3 of 10 s)"},
      {[](WatchedWindow& w) { w.pulse->arithmetic *= 2; },
       "a pulse of known work took up to 2.00 times as long as its fastest (in 3 of 10 s)"},
      {[](WatchedWindow& w) { w.pulse->stream *= 1.75; },
       "a pulse of known work took up to 1.75 times as long as its fastest (in 3 of 10 s)"},
      {[](WatchedWindow& w) { w.exchange[1] *= 2.5; },
       "reading data of another thread took up to 2.50 times as long as at best (in 3 of 10 s)"},
  };
  for (const Case& each : cases) {
    WatchedWindow window = quiet_window();
    each.disturb(window);
    const Disturbance disturbance = judge(ten_windows(3, window), kTwoOfFour);
    ASSERT_EQ(disturbance.reasons.size(), 1u) << each.reason;
    EXPECT_EQ(disturbance.reasons[0], each.reason);
    EXPECT_EQ(disturbance.disturbed_seconds, 3);
    // A tenth of the time is tolerated, and reported.
    const Disturbance rare = judge(ten_windows(1, window), kTwoOfFour);
    EXPECT_FALSE(rare.alarm()) << each.reason;
    EXPECT_EQ(rare.disturbed_seconds, 1);
  }
}

TEST(Judge, WhatTheKernelDoesNotSayIsAbsentAndNoAlarm) {
  WatchedWindow window;
  window.seconds = 0.4;
  const Disturbance unknown = judge({window}, kTwoOfFour);
  EXPECT_FALSE(unknown.alarm());
  EXPECT_FALSE(unknown.waiting_share || unknown.other_processors || unknown.steal_share);
  EXPECT_EQ(unknown.arithmetic_pulse.repeats, 0);
}

TEST(Judge, AClockTickOfOthersInAShortWindowIsNoAlarm) {
  WatchedWindow window = quiet_window();
  window.seconds = 0.1;
  window.waiting = 0;
  window.others = 0.03;  // three ticks of 10 ms
  window.stolen = 0.02;
  EXPECT_FALSE(judge({window}, kTwoOfFour).alarm());
}

TEST(Judge, ProcessorsOfALargeMachineThatOthersUseALittleAreNoAlarm) {
  WatchedWindow window = quiet_window();
  window.others = 1;
  EXPECT_FALSE(judge({window}, Watched{2, 2, 128}).alarm());
  EXPECT_TRUE(judge({window}, Watched{2, 2, 4}).alarm());
}

TEST(Judge, AReasonOfFewWindowsIsNotNamedBesideOneOfMany) {
  WatchedWindow window = quiet_window();
  window.waiting = 0.5;
  std::vector<WatchedWindow> windows = ten_windows(5, window);
  windows[9].others = 1;
  const Disturbance disturbance = judge(windows, kTwoOfFour);
  ASSERT_EQ(disturbance.reasons.size(), 1u);
  EXPECT_EQ(disturbance.reasons[0].find("the threads waited"), 0u);
  EXPECT_EQ(disturbance.disturbed_seconds, 6);
}

TEST(Judge, OneThreadHasPulsesAndExchangesNothing) {
  WatchedWindow window = quiet_window();
  window.exchange.clear();
  const Disturbance one = judge({window, window}, Watched{1, 1, 4});
  EXPECT_EQ(one.arithmetic_pulse.repeats, 2);
  EXPECT_EQ(one.exchange_pulse.repeats, 0);
  EXPECT_FALSE(one.alarm());
}

class GuardOfARun : public testing::Computing {};

TEST_F(GuardOfARun, MakesPulsesAndCountsTheirCost) {
  EXPECT_EQ(Guard::current(), nullptr);
  int rewarmed = 0;
  {
    Guard guard(Runtime::host_threads().count);
    EXPECT_EQ(Guard::current(), &guard);
    watch_for_disturbance(0, [&] { ++rewarmed; });  // the first is due at once
    EXPECT_EQ(rewarmed, 1);
    watch_for_disturbance(0, [&] { ++rewarmed; });  // the next one is not
    EXPECT_EQ(rewarmed, 1);
    while (rewarmed < 3) watch_for_disturbance(0, [&] { ++rewarmed; });
    // In work of a second, 128 KiB of a cold cache have no effect.
    const double begin = host_seconds();
    while (host_seconds() - begin < 0.1) watch_for_disturbance(1, [&] { ++rewarmed; });
    EXPECT_EQ(rewarmed, 3);
    const Disturbance disturbance = guard.report();
    EXPECT_GT(disturbance.seconds, 0);
    EXPECT_GT(disturbance.pulse_cost, 0);
    ASSERT_EQ(disturbance.arithmetic_pulse.repeats, 1);  // one window
    EXPECT_GT(disturbance.arithmetic_pulse.min, 0);
    EXPECT_GT(disturbance.stream_pulse.min, 0);
    // At the beginning and at the end of the window.
    EXPECT_EQ(disturbance.exchange_pulse.repeats, Runtime::host_threads().count > 1 ? 2 : 0);
  }
  EXPECT_EQ(Guard::current(), nullptr);
  watch_for_disturbance(0, [&] { ++rewarmed; });
  EXPECT_EQ(rewarmed, 3);
}

TEST_F(GuardOfARun, IsCalledBetweenSamplesAndNotWithinThem) {
  Guard guard(Runtime::host_threads().count);
  long calls = 0;
  MeasureOptions options;
  options.min_repeats = 3;
  options.min_seconds = 0;
  options.warm_up_seconds = 0;
  options.batch_below = 0;
  options.patience = 0;
  const auto samples = measure_samples(Kokkos::Serial(), options, [&] { ++calls; });
  EXPECT_EQ(samples.size(), 3u);
  // Two calls to warm up, three samples, and one after the pulse behind the first.
  EXPECT_EQ(calls, 6);
}

}  // namespace
}  // namespace ridgeline
