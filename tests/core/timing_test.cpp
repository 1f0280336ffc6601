#include "core/timing.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/runtime.hpp"

namespace {

using ridgeline::MeasureOptions;
using ridgeline::Timing;

class Measure : public ridgeline::testing::Computing {};
class RatioInTurn : public ridgeline::testing::Computing {};
class CheckTimer : public ridgeline::testing::Computing {};
class Stopwatch : public ridgeline::testing::Computing {};

// A body that keeps the host busy for a given time, so that what is tested is the counting.
struct Busy {
  double seconds;
  long* calls;
  void operator()() const {
    ++*calls;
    const double end = ridgeline::host_seconds() + seconds;
    while (ridgeline::host_seconds() < end) {
    }
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
  long calls = 0;
  MeasureOptions options = quick();
  const Timing by_count = ridgeline::measure(Kokkos::Serial(), options, Busy{1e-4, &calls});
  EXPECT_EQ(by_count.repeats, 5);
  EXPECT_GE(by_count.min, 1e-4);
  options.min_seconds = 10e-3;
  options.min_repeats = 1;
  const Timing by_time = ridgeline::measure(Kokkos::Serial(), options, Busy{1e-4, &calls});
  EXPECT_GE(by_time.repeats * by_time.max, 10e-3);
}

TEST_F(Measure, ShortCallsAreTimedInBatchesAndLongOnesAreNot) {
  long calls = 0;
  ridgeline::measure(Kokkos::Serial(), quick(), Busy{1e-6, &calls});
  EXPECT_GT(calls, 50);  // five samples of 200 µs, at about 1 µs per call
  calls = 0;
  ridgeline::measure(Kokkos::Serial(), quick(), Busy{3e-4, &calls});
  EXPECT_EQ(calls, 5 + 2);  // two before, to warm up
}

TEST_F(Measure, WarmsUpForAsLongAsAsked) {
  long calls = 0;
  MeasureOptions options = quick();
  options.min_repeats = 1;
  options.warm_up_seconds = 5e-3;
  const double begin = ridgeline::host_seconds();
  ridgeline::measure(Kokkos::Serial(), options, Busy{2e-4, &calls});
  EXPECT_GE(ridgeline::host_seconds() - begin, 5e-3);
}

TEST_F(RatioInTurn, AlternatesAndDividesAByB) {
  long a_calls = 0, b_calls = 0;
  const auto turns = ridgeline::ratio_in_turn(Kokkos::Serial(), Busy{4e-4, &a_calls},
                                              Kokkos::Serial(), Busy{1e-4, &b_calls}, quick());
  EXPECT_EQ(turns.a.repeats, 5);
  EXPECT_EQ(turns.b.repeats, 5);
  EXPECT_EQ(a_calls, b_calls);
  EXPECT_GT(turns.ratio, 1.0);
}

TEST_F(CheckTimer, ComparesOneAndTwoTimesTheWork) {
  long calls = 0;
  const auto check =
      ridgeline::check_timer(Kokkos::Serial(), Busy{1e-4, &calls}, ridgeline::Clock::host, 3);
  EXPECT_GT(check.ratio, 0.1);
  EXPECT_LT(check.ratio, 10.0);
  EXPECT_EQ(check.ok, std::abs(check.ratio - 1.0) <= 0.1);
}

TEST_F(Stopwatch, TimesOnEverySpaceOfTheBuild) {
  const auto watch_one = [](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    ridgeline::Stopwatch<Space> watch(instance);
    watch.start();
    watch.stop();
    EXPECT_GE(watch.seconds(), 0);
  };
  for (const auto kind : ridgeline::built_spaces()) ridgeline::with_space(kind, watch_one);
}

}  // namespace
