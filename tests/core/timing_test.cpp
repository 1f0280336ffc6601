#include "core/timing.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/manual_clock.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::MeasureOptions;
using ridgeline::Timing;
using ridgeline::testing::ManualClock;

class Measure : public ridgeline::testing::Computing {};
class RatioInTurn : public ridgeline::testing::Computing {};
class CheckTimer : public ridgeline::testing::Computing {};
class Stopwatch : public ridgeline::testing::Computing {};

// A body that takes a given time by the test's clock. Powers of two add up without rounding.
struct Busy {
  double seconds;
  long* calls;
  void operator()() const {
    ++*calls;
    ManualClock::advance(seconds);
  }
};

MeasureOptions quick() {
  MeasureOptions options;
  options.min_repeats = 5;
  options.min_seconds = 0;
  options.warm_up_seconds = 0;
  return options;
}

TEST(Timing, SummaryOfAnOddAndAnEvenNumberOfSamples) {
  const Timing odd = ridgeline::summarize({5, 1, 3});
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(odd.repeats, 3);
  const Timing even = ridgeline::summarize({4, 1, 2, 10});
  EXPECT_EQ(even.median, 3);
  EXPECT_EQ(even.repeats, 4);
  EXPECT_EQ(ridgeline::summarize({}).repeats, 0);
}

TEST(Timing, BecomesTheContractsObject) {
  const nlohmann::ordered_json json = ridgeline::summarize({1, 2, 3});
  EXPECT_EQ(json.dump(), R"({"min":1.0,"median":2.0,"max":3.0,"repeats":3,)"
                         R"("samples":[1.0,2.0,3.0],"median_interval":[1.0,3.0]})");
}

TEST_F(Measure, ReachesBothTheCountAndTheTime) {
  const ManualClock clock;
  long calls = 0;
  MeasureOptions options = quick();
  const double seconds = std::exp2(-13);
  const Timing by_count = ridgeline::measure(Kokkos::Serial(), options, Busy{seconds, &calls});
  EXPECT_EQ(by_count.repeats, 5);
  EXPECT_EQ(by_count.min, seconds);
  EXPECT_EQ(by_count.max, seconds);
  options.min_seconds = 100 * seconds;
  options.min_repeats = 1;
  const Timing by_time = ridgeline::measure(Kokkos::Serial(), options, Busy{seconds, &calls});
  EXPECT_EQ(by_time.repeats, 100);
}

TEST_F(Measure, ShortCallsAreTimedInBatchesAndLongOnesAreNot) {
  const ManualClock clock;
  long calls = 0;
  ridgeline::measure(Kokkos::Serial(), quick(), Busy{std::exp2(-20), &calls});
  // Two to warm up, a batch of 16, then batches of 200 µs: one to warm up, five that are timed.
  EXPECT_EQ(calls, 2 + 16 + 210 + 5 * 210);
  calls = 0;
  ridgeline::measure(Kokkos::Serial(), quick(), Busy{std::exp2(-12), &calls});
  EXPECT_EQ(calls, 2 + 5);
}

TEST_F(Measure, WarmsUpForAsLongAsAsked) {
  const ManualClock clock;
  long calls = 0;
  MeasureOptions options = quick();
  options.min_repeats = 1;
  options.warm_up_seconds = 5e-3;
  ridgeline::measure(Kokkos::Serial(), options, Busy{std::exp2(-12), &calls});
  EXPECT_EQ(calls, 21 + 1);  // 5 ms are 20.5 calls
}

TEST_F(RatioInTurn, AlternatesAndDividesAByB) {
  const ManualClock clock;
  std::string order;
  double slower = 1;  // both, from turn to turn
  const auto a = [&] {
    order += 'a';
    ManualClock::advance(slower * std::exp2(-10));
  };
  const auto b = [&] {
    order += 'b';
    ManualClock::advance(slower * std::exp2(-12));
    slower *= 2;
  };
  const auto turns = ridgeline::ratio_in_turn(Kokkos::Serial(), a, Kokkos::Serial(), b, quick());
  EXPECT_EQ(order, "aabbababababab");  // two of each to warm up
  EXPECT_EQ(turns.a.repeats, 5);
  EXPECT_EQ(turns.b.repeats, 5);
  EXPECT_EQ(turns.ratios, std::vector<double>(5, 4.0));
  EXPECT_EQ(turns.ratio, 4.0);
}

TEST_F(CheckTimer, AcceptsTimesThatAreProportionalToTheWork) {
  const ManualClock clock;
  long calls = 0;
  const auto check = ridgeline::check_timer(Kokkos::Serial(), Busy{std::exp2(-12), &calls},
                                            ridgeline::Clock::host, 3);
  EXPECT_EQ(check.ratio, 1.0);
  EXPECT_TRUE(check.ok);
}

TEST_F(CheckTimer, RejectsATimerThatAddsToEveryTime) {
  // A reading takes as long as the work: T(2R) / 2 T(R) = (2 + 1) / 2 (1 + 1).
  const ManualClock clock(std::exp2(-9));
  long calls = 0;
  const auto check = ridgeline::check_timer(Kokkos::Serial(), Busy{std::exp2(-9), &calls},
                                            ridgeline::Clock::host, 3);
  EXPECT_EQ(check.ratio, 0.75);
  EXPECT_FALSE(check.ok);
}

TEST_F(Stopwatch, GivesTheTimeBetweenStartAndStopOnEverySpaceOfTheBuild) {
  const auto watch_one = [](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    const ManualClock clock;
    ridgeline::Stopwatch<Space> watch(instance, ridgeline::Clock::host);
    for (const double seconds : {0.25, 2.0}) {
      ManualClock::advance(1);
      watch.start();
      ManualClock::advance(seconds);
      watch.stop();
      ManualClock::advance(1);
      EXPECT_EQ(watch.seconds(), seconds);
    }
  };
  for (const auto kind : ridgeline::built_spaces()) ridgeline::with_space(kind, watch_one);
}

}  // namespace
