#include <gtest/gtest.h>

#include <algorithm>

#include "network/runs.hpp"

// The end of a run by train.early_stop, and the best epoch in its checkpoints.

namespace ridgeline::network {
namespace {

using testing::bytes_of_file;
using testing::expect_same_run;
using testing::Experiment;
using testing::kPerceptron;
using testing::load_checkpoint;
using testing::load_parameters;
using testing::opened;
using testing::ScratchFolder;
using testing::Watch;

class TrainingWithEarlyStop : public testing::Computing {};

using Space = Kokkos::DefaultHostExecutionSpace;

TEST(EarlyStop, ComesWhenTheMetricHasNotImprovedForPatienceEpochs) {
  config::EarlyStop stop;
  stop.metric = config::Metric::test_loss;
  stop.patience = 2;
  History history;
  EXPECT_FALSE(has_stalled(stop, history));
  const auto stalled = [&](const std::vector<double>& losses) {
    history.test_loss = losses;
    return has_stalled(stop, history);
  };
  EXPECT_FALSE(stalled({3, 2}));
  EXPECT_FALSE(stalled({3, 2, 2.5}));
  EXPECT_TRUE(stalled({3, 2, 2.5, 2.1}));
  EXPECT_TRUE(stalled({3, 2, 2, 2}));  // equal is not better
  EXPECT_FALSE(stalled({3, 2, 2.5, 1.9}));
  stop.metric = config::Metric::test_accuracy;
  history.test_accuracy = {0.5, 0.7, 0.6, 0.7};
  EXPECT_TRUE(has_stalled(stop, history));
  history.test_accuracy.push_back(0.8);
  EXPECT_FALSE(has_stalled(stop, history));
}

TEST(EarlyStop, TheFirstOfEqualEpochsIsBest) {
  config::EarlyStop stop;
  stop.metric = config::Metric::test_loss;
  History history;
  EXPECT_EQ(best_epoch(stop, history), std::nullopt);
  history.test_loss = {3, 2, 2, 2.5};
  EXPECT_EQ(best_epoch(stop, history), 2);
  stop.metric = config::Metric::train_loss;
  EXPECT_EQ(best_epoch(stop, history), std::nullopt);
  history.train_loss = {3, 2, 2, 1};
  EXPECT_EQ(best_epoch(stop, history), 4);
  stop.metric = config::Metric::test_accuracy;
  history.test_accuracy = {0.5, 0.7, 0.7, 0.6};
  EXPECT_EQ(best_epoch(stop, history), 2);
}

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// The first epochs learn; from the fourth on the rate is much too high, and the loss increases.
const std::vector<std::string> kSpoiled = {
    "train.epochs=8", "train.optimizer.learning_rate=0.05", "train.optimizer.momentum=0.8",
    "train.schedule={ kind = \"step\", every = 3, factor = 100 }"};
const std::vector<std::string> kStopped =
    kSpoiled +
    std::vector<std::string>{"train.early_stop={ metric = \"test_loss\", patience = 2 }"};

template <class T>
double test_loss_of(const Experiment& experiment, const std::vector<T>& parameters) {
  const auto network = testing::network_of<Space, T>(experiment.deck, experiment.plan, 16, false);
  network->write_parameters(parameters);
  return evaluate<Space, T>(*network, experiment.dataset, experiment.dataset.test, 16,
                            *parallel::one_rank())
      .mean_loss();
}

TEST_F(TrainingWithEarlyStop, TheCheckpointHoldsTheBestEpoch) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, kStopped);
  const TrainingResult result = experiment.run<Space, double>({folder / "a.h5", {}, {}});
  const std::vector<double>& losses = result.state.history.test_loss;
  const auto best = std::min_element(losses.begin(), losses.end());
  ASSERT_LT(best - losses.begin() + 1, result.state.epoch);  // otherwise the test has no subject
  EXPECT_EQ(result.state.best_epoch, best - losses.begin() + 1);
  EXPECT_EQ(test_loss_of(experiment, load_parameters<double>(folder / "a.h5", *experiment.plan)),
            *best);
  // The current parameters are saved too, and equal those of the same run without early_stop.
  const auto checkpoint = load_checkpoint<double>(folder / "a.h5", *experiment.plan);
  EXPECT_EQ(checkpoint.state.best_epoch, result.state.best_epoch);
  EXPECT_EQ(test_loss_of(experiment, checkpoint.parameters), losses.back());
  const Experiment plain(
      kPerceptron,
      kSpoiled + std::vector<std::string>{"train.epochs=" + std::to_string(result.state.epoch)});
  plain.run<Space, double>({folder / "plain.h5", {}, {}});
  EXPECT_EQ(load_parameters<double>(folder / "plain.h5", *plain.plan), checkpoint.parameters);
  EXPECT_EQ(load_checkpoint<double>(folder / "plain.h5", *plain.plan).best, nullptr);
  EXPECT_FALSE(io::Hdf5Reader(folder / "plain.h5").has("/last"));
}

TEST_F(TrainingWithEarlyStop, ABestLastEpochIsStoredOnce) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron,
                              {"train.early_stop={ metric = \"train_loss\", patience = 4 }"});
  const TrainingResult result = experiment.run<Space, float>({folder / "a.h5", {}, {}});
  ASSERT_EQ(result.state.best_epoch, 3);
  EXPECT_FALSE(io::Hdf5Reader(folder / "a.h5").has("/last"));
  const auto checkpoint = load_checkpoint<float>(folder / "a.h5", *experiment.plan);
  EXPECT_EQ(*checkpoint.best, checkpoint.parameters);
}

TEST_F(TrainingWithEarlyStop, StoppedAnywhereAndResumedKeepsTheSameBestEpoch) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, kStopped);
  const TrainingResult whole = experiment.run<Space, float>({folder / "whole.h5", {}, {}});
  ASSERT_LT(*whole.state.best_epoch, whole.state.epoch);
  for (std::int64_t stop = 1; stop < whole.state.step; ++stop) {
    Watch watch;
    watch.stop_at = stop;
    experiment.run<Space, float>({folder / "a.h5", {}, {}}, watch);
    const TrainingResult resumed =
        experiment.run<Space, float>({folder / "a.h5", opened(folder / "a.h5"), {}});
    EXPECT_EQ(resumed.outcome, whole.outcome);
    expect_same_run<float>(folder / "a.h5", folder / "whole.h5", *experiment.plan,
                           "stopped after step " + std::to_string(stop));
  }
  // More epochs continue from the last one, not from the best.
  const Experiment shorter(kPerceptron, kStopped + std::vector<std::string>{"train.epochs=4"});
  shorter.run<Space, float>({folder / "b.h5", {}, {}});
  experiment.run<Space, float>({folder / "b.h5", opened(folder / "b.h5"), {}});
  expect_same_run<float>(folder / "b.h5", folder / "whole.h5", *experiment.plan, "more epochs");
}

TEST_F(TrainingWithEarlyStop, AFileWithoutItsBestEpochGoesOnFromWhatItHolds) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, kStopped);
  const TrainingResult whole = experiment.run<Space, float>({folder / "whole.h5", {}, {}});
  const std::int64_t best = *whole.state.best_epoch;
  ASSERT_LT(best, whole.state.epoch);
  // A file as an earlier release wrote it after that epoch, and after the next.
  for (const std::int64_t epoch : {best, best + 1}) {
    Watch watch;
    watch.stop_at = 5 * epoch;
    experiment.run<Space, float>({folder / "a.h5", {}, {}}, watch);
    auto checkpoint = load_checkpoint<float>(folder / "a.h5", *experiment.plan);
    checkpoint.best = nullptr;
    checkpoint.state.best_epoch.reset();
    save_checkpoint(folder / "a.h5", *experiment.plan, checkpoint);
    const TrainingResult resumed =
        experiment.run<Space, float>({folder / "a.h5", opened(folder / "a.h5"), {}});
    if (epoch == best) {
      EXPECT_EQ(resumed.state.best_epoch, best);
      expect_same_run<float>(folder / "a.h5", folder / "whole.h5", *experiment.plan,
                             "best is last");
    } else {
      EXPECT_EQ(resumed.state.best_epoch, std::nullopt);
      EXPECT_EQ(load_parameters<float>(folder / "a.h5", *experiment.plan),
                load_checkpoint<float>(folder / "whole.h5", *experiment.plan).parameters);
    }
  }
}

TEST_F(TrainingWithEarlyStop, EndsEarlyWithACheckpointAndStaysEnded) {
  const ScratchFolder folder;
  // A rate of 0 never improves: the second and third epoch are as good as the first.
  const Experiment experiment(kPerceptron,
                              {"train.epochs=30", "train.optimizer.learning_rate=0",
                               "train.early_stop={ metric = \"test_loss\", patience = 2 }"});
  const TrainingResult result = experiment.run<Space, float>({folder / "a.h5", {}, {}});
  EXPECT_EQ(result.outcome, Outcome::stopped_early);
  EXPECT_EQ(result.state.epoch, 3);
  const std::string before = bytes_of_file(folder / "a.h5");
  const TrainingResult again =
      experiment.run<Space, float>({folder / "a.h5", opened(folder / "a.h5"), {}});
  EXPECT_EQ(again.outcome, Outcome::already_finished);
  EXPECT_EQ(bytes_of_file(folder / "a.h5"), before);
}

}  // namespace
}  // namespace ridgeline::network
