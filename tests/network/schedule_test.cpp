#include "network/schedule.hpp"

#include <gtest/gtest.h>

#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

Schedule schedule_of(Schedule::Kind kind, std::int64_t total, std::int64_t warmup) {
  Schedule schedule;
  schedule.kind = kind;
  schedule.learning_rate = 0.4;
  schedule.final_rate = 0.1;
  schedule.total_steps = total;
  schedule.warmup_steps = warmup;
  return schedule;
}

TEST(Schedule, ConstantStays) {
  const Schedule schedule = schedule_of(Schedule::Kind::constant, 10, 0);
  for (const std::int64_t step : {0, 1, 9, 10, 1000000}) EXPECT_EQ(schedule.rate(step), 0.4);
}

TEST(Schedule, WarmUpRisesLinearlyToTheRate) {
  for (const auto kind : {Schedule::Kind::constant, Schedule::Kind::cosine}) {
    const Schedule schedule = schedule_of(kind, 100, 4);
    EXPECT_DOUBLE_EQ(schedule.rate(0), 0.1);
    EXPECT_DOUBLE_EQ(schedule.rate(1), 0.2);
    EXPECT_DOUBLE_EQ(schedule.rate(2), 0.3);
    EXPECT_DOUBLE_EQ(schedule.rate(3), 0.4);
    EXPECT_DOUBLE_EQ(schedule.rate(4), 0.4);
  }
}

TEST(Schedule, CosineFallsFromTheRateToTheFinalRate) {
  const Schedule schedule = schedule_of(Schedule::Kind::cosine, 12, 0);
  EXPECT_DOUBLE_EQ(schedule.rate(0), 0.4);
  EXPECT_DOUBLE_EQ(schedule.rate(6), 0.25);  // half way
  EXPECT_NEAR(schedule.rate(4), 0.1 + 0.3 * 0.75, 1e-15);
  EXPECT_NEAR(schedule.rate(8), 0.1 + 0.3 * 0.25, 1e-15);
  for (std::int64_t step = 0; step < 12; ++step) {
    EXPECT_LT(schedule.rate(step + 1), schedule.rate(step));
  }
  EXPECT_DOUBLE_EQ(schedule.rate(12), 0.1);
  EXPECT_DOUBLE_EQ(schedule.rate(100), 0.1);  // constant in a run that was extended
}

TEST(Schedule, StepMultipliesByTheFactorEveryFewSteps) {
  Schedule schedule = schedule_of(Schedule::Kind::step, 40, 2);
  schedule.drop_every = 10;
  schedule.factor = 0.5;
  EXPECT_DOUBLE_EQ(schedule.rate(0), 0.2);  // warming up
  for (const std::int64_t step : {2, 9}) EXPECT_DOUBLE_EQ(schedule.rate(step), 0.4);
  for (const std::int64_t step : {10, 19}) EXPECT_DOUBLE_EQ(schedule.rate(step), 0.2);
  EXPECT_DOUBLE_EQ(schedule.rate(35), 0.05);
}

TEST(Schedule, StepCountsTheDecksEpochs) {
  // Five steps per epoch.
  const Schedule schedule = make_schedule(
      testing::deck_of(testing::kMixed,
                       {"train.schedule={ kind = \"step\", every = 2, factor = 0.1 }"}),
      70);
  EXPECT_DOUBLE_EQ(schedule.rate(9), 0.1);
  EXPECT_DOUBLE_EQ(schedule.rate(10), 0.01);
}

TEST(Schedule, CosineBeginsAfterTheWarmUp) {
  const Schedule schedule = schedule_of(Schedule::Kind::cosine, 14, 4);
  EXPECT_DOUBLE_EQ(schedule.rate(4), 0.4);
  EXPECT_DOUBLE_EQ(schedule.rate(9), 0.25);
  EXPECT_DOUBLE_EQ(schedule.rate(14), 0.1);
}

TEST(Schedule, AWarmUpLongerThanTheRunIsNoFault) {
  const Schedule schedule = schedule_of(Schedule::Kind::cosine, 3, 8);
  EXPECT_DOUBLE_EQ(schedule.rate(2), 0.15);
  EXPECT_DOUBLE_EQ(schedule.rate(8), 0.1);
}

TEST(MakeSchedule, CountsTheLastSmallerBatchOfEveryEpoch) {
  const config::Deck deck =
      testing::deck_of(testing::kPerceptron,
                       {"train.schedule={ kind = \"cosine\", warmup_steps = 2, final = 0.01 }"});
  const Schedule schedule = make_schedule(deck, 70);  // 3 epochs in batches of 16
  EXPECT_EQ(schedule.kind, Schedule::Kind::cosine);
  EXPECT_EQ(schedule.total_steps, 15);
  EXPECT_EQ(schedule.warmup_steps, 2);
  EXPECT_EQ(schedule.learning_rate, 0.1);
  EXPECT_EQ(schedule.final_rate, 0.01);
  EXPECT_EQ(make_schedule(deck, 64).total_steps, 12);
  EXPECT_EQ(make_schedule(deck, 1).total_steps, 3);
  EXPECT_EQ(make_schedule(testing::deck_of(testing::kPerceptron), 70).kind,
            Schedule::Kind::constant);
}

}  // namespace
}  // namespace ridgeline::network
