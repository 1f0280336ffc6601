#include "network/trainer.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "data/batch_loader.hpp"
#include "network/runs.hpp"

namespace ridgeline::network {
namespace {

using testing::bytes_of_file;
using testing::contains;
using testing::error_of;
using testing::expect_same_run;
using testing::Experiment;
using testing::kMixed;
using testing::kPerceptron;
using testing::load_checkpoint;
using testing::load_parameters;
using testing::opened;
using testing::ScratchFolder;
using testing::Watch;

class Training : public testing::Computing {};

// Five steps per epoch, three epochs.
constexpr std::int64_t kAllSteps = 15;

using Space = Kokkos::DefaultHostExecutionSpace;

template <class AnySpace, class T>
void check_learning() {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {"train.epochs=30", "train.optimizer.momentum=0.9"});
  Watch watch;
  const TrainingResult result = experiment.run<AnySpace, T>({folder / "a.h5", {}, {}}, watch);
  EXPECT_EQ(result.outcome, Outcome::finished);
  EXPECT_EQ(result.state.epoch, 30);
  EXPECT_EQ(result.state.step, 150);
  EXPECT_EQ(result.state.sample, 0);
  const History& history = result.state.history;
  ASSERT_EQ(history.train_loss.size(), 30u);
  ASSERT_EQ(history.test_accuracy.size(), 30u);
  EXPECT_EQ(history.seconds.size(), 30u);
  EXPECT_LT(history.train_loss.back(), 0.25 * history.train_loss.front());
  // Every epoch was reported, with the values in the history.
  ASSERT_EQ(watch.epochs.size(), 30u);
  for (std::size_t i = 0; i < 30; ++i) {
    const EpochReport& report = watch.epochs[i];
    EXPECT_EQ(report.epoch, std::int64_t(i) + 1);
    EXPECT_EQ(report.train_loss, history.train_loss[i]);
    EXPECT_EQ(report.test_loss, history.test_loss[i]);
    EXPECT_EQ(report.test_accuracy, history.test_accuracy[i]);
  }
  EXPECT_GT(result.samples_per_second, 0);
  EXPECT_EQ(result.step_seconds.repeats, 150 / 16);
}

TEST_F(Training, LearnsAndReportsEveryEpoch) {
#define RIDGELINE_CHECK(AnySpace, T) check_learning<AnySpace, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

TEST_F(Training, SharesOfAStepAddUpToOneAndNameEveryPart) {
  const ScratchFolder folder;
  const Experiment experiment(kMixed, {"train.epochs=20"});
  const TrainingResult result = experiment.run<Space, float>({folder / "a.h5", {}, {}});
  std::vector<std::string> names;
  double sum = 0;
  for (const LayerShare& share : result.shares) {
    names.push_back(share.layer);
    sum += share.share;
    EXPECT_GE(share.seconds, 0);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"rows", "flatten1", "bend", "narrow", "activation2",
                                             "last", "loss", "optimizer"}));
  EXPECT_NEAR(sum, 1.0, 1e-12);
}

TEST_F(Training, TheLastCheckpointIsWhereTheRunEnded) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {"checkpoint.every_epochs=0"});
  Watch watch;
  watch.step = [&](std::int64_t) { EXPECT_EQ(folder.listing(), ""); };
  const TrainingResult result = experiment.run<Space, double>({folder / "a.h5", {}, {}}, watch);
  const auto checkpoint = load_checkpoint<double>(folder / "a.h5", *experiment.plan);
  EXPECT_EQ(checkpoint.deck, experiment.deck.text());
  EXPECT_EQ(checkpoint.seed, 1u);
  EXPECT_EQ(checkpoint.state.epoch, 3);
  EXPECT_EQ(checkpoint.state.step, kAllSteps);
  EXPECT_EQ(checkpoint.state.history.train_loss, result.state.history.train_loss);
  EXPECT_EQ(checkpoint.state.history.seconds, result.state.history.seconds);
  EXPECT_EQ(watch.progressed,
            (std::vector<std::int64_t>{1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5}));
}

TEST_F(Training, TestLossAndAccuracyAreThoseOfTheCheckpointsWeights) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {});
  const TrainingResult result = experiment.run<Space, double>({folder / "a.h5", {}, {}});
  const auto network =
      testing::network_of<Space, double>(experiment.deck, experiment.plan, 16, false);
  network->write_parameters(load_parameters<double>(folder / "a.h5", *experiment.plan));
  const LossSums sums = evaluate<Space, double>(*network, experiment.dataset,
                                                experiment.dataset.test, 16, *parallel::one_rank());
  EXPECT_EQ(sums.samples, 14);
  EXPECT_EQ(sums.mean_loss(), result.state.history.test_loss.back());
  EXPECT_EQ(sums.accuracy(), result.state.history.test_accuracy.back());
}

TEST_F(Training, CheckpointsComeAtTheirTimes) {
  // The steps after which a checkpoint was written: each has its own number.
  const auto steps_of = [](std::vector<std::string> sets) {
    sets.emplace_back("checkpoint.keep=100");
    const ScratchFolder folder;
    const Experiment experiment(kPerceptron, sets);
    experiment.run<Space, float>({folder / "a.h5", {}, {}});
    std::vector<std::int64_t> steps;
    for (std::int64_t step = 0; step < 100; ++step) {
      const std::string file = folder / ("a-" + std::to_string(step) + ".h5");
      if (!std::filesystem::exists(file)) continue;
      EXPECT_EQ(load_checkpoint<float>(file, *experiment.plan).state.step, step);
      steps.push_back(step);
    }
    return steps;
  };
  using Steps = std::vector<std::int64_t>;
  EXPECT_EQ(steps_of({}), (Steps{5, 10, 15}));
  EXPECT_EQ(steps_of({"checkpoint.every_epochs=2"}), (Steps{10, 15}));
  EXPECT_EQ(steps_of({"checkpoint.every_steps=4"}), (Steps{4, 8, 12, 15}));
  EXPECT_EQ(steps_of({"checkpoint.every_steps=5"}), (Steps{5, 10, 15}));
  EXPECT_EQ(steps_of({"checkpoint.every_steps=7", "checkpoint.every_epochs=1"}),
            (Steps{5, 7, 10, 14, 15}));
}

TEST_F(Training, ASignalStopsAfterTheStepWithACheckpoint) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {});
  for (const std::int64_t stop : {1, 3, 5, 10, 14}) {
    Watch watch;
    watch.stop_at = stop;
    const TrainingResult result = experiment.run<Space, float>({folder / "a.h5", {}, {}}, watch);
    EXPECT_EQ(result.outcome, Outcome::stopped);
    EXPECT_EQ(watch.steps, stop);
    const auto checkpoint = load_checkpoint<float>(folder / "a.h5", *experiment.plan);
    EXPECT_EQ(checkpoint.state.step, stop);
    EXPECT_EQ(checkpoint.state.epoch, stop / 5);
    EXPECT_EQ(checkpoint.state.sample, stop % 5 * 16);
  }
  // One that comes with the last step finds the run finished.
  Watch watch;
  watch.stop_at = kAllSteps;
  EXPECT_EQ((experiment.run<Space, float>({folder / "a.h5", {}, {}}, watch).outcome),
            Outcome::finished);
}

TEST_F(Training, InitBeginsWithTheGivenWeightsAndNothingElse) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {"train.optimizer.momentum=0.9"});
  experiment.run<Space, double>({folder / "first.h5", {}, {}});
  Watch watch;
  watch.stop_at = 1;
  const TrainingResult result =
      experiment.run<Space, double>({folder / "second.h5", {}, opened(folder / "first.h5")}, watch);
  EXPECT_EQ(result.state.step, 1);
  EXPECT_TRUE(result.state.history.train_loss.empty());
  // The same step by hand, from those weights and without velocity.
  const auto network = testing::network_of<Space, double>(experiment.deck, experiment.plan, 16);
  network->write_parameters(load_parameters<double>(folder / "first.h5", *experiment.plan));
  data::LoaderOptions options;
  options.batch = 16;
  options.shuffle = true;
  data::BatchLoader<double> loader(experiment.dataset, experiment.dataset.train, options);
  const data::Batch<double> batch = loader.next();
  using testing::on_space;
  const Space instance;
  const auto inputs = on_space(instance, std::vector<double>(batch.inputs, batch.inputs + 16 * 12));
  const auto labels =
      on_space(instance, std::vector<std::int32_t>(batch.labels, batch.labels + 16));
  network->train_step({Matrix<Space, const double>(inputs.data(), 16, 12),
                       Vector<Space, const std::int32_t>(labels.data(), 16),
                       {}});
  EXPECT_EQ(load_parameters<double>(folder / "second.h5", *experiment.plan),
            network->read_parameters());
}

TEST_F(Training, ADivergingRunSaysSoAndOverwritesNoCheckpoint) {
  const std::string huge = "train.optimizer.learning_rate=1e30";
  for (const std::string every : {"checkpoint.every_epochs=1", "checkpoint.every_steps=2"}) {
    const ScratchFolder folder;
    Experiment(kPerceptron, {}).run<Space, float>({folder / "a.h5", {}, {}});
    const std::string before = bytes_of_file(folder / "a.h5");
    const Experiment experiment(kPerceptron, {huge, every, "train.epochs=8"});
    Outcome outcome = Outcome::finished;
    const std::string error = error_of(
        [&] {
          outcome = experiment.run<Space, float>({folder / "a.h5", {}, {}}).outcome;
        },
        Status::run_failed);
    EXPECT_TRUE(outcome == Outcome::diverged || contains(error, "no longer finite"))
        << error << int(outcome);
    EXPECT_EQ(bytes_of_file(folder / "a.h5"), before) << every;
    EXPECT_EQ(folder.listing(), "a.h5");
  }
}

TEST_F(Training, ALossThatIsNotFiniteIsDivergenceEvenWhereTheWeightsAreFinite) {
  // Outputs of about 1e25 have squares that float32 cannot represent, and finite gradients.
  const std::string linear =
      "[[network.layer]]\nkind = \"flatten\"\n[[network.layer]]\nkind = \"dense\"\nunits = 12\n";
  for (const std::string every : {"checkpoint.every_epochs=1", "checkpoint.every_steps=2"}) {
    std::vector<std::string> sets = testing::kAutoencoder;
    sets.insert(sets.end(), {every, "train.optimizer.learning_rate=1e-9"});
    const ScratchFolder folder;
    const Experiment experiment(linear, sets);
    std::vector<float> weights(experiment.plan->parameter_buffer_size, 0.0f);
    for (const ParameterSlot& slot : experiment.plan->parameters) {
      std::fill_n(weights.begin() + std::ptrdiff_t(slot.offset), slot.size, 1e25f);
    }
    Checkpoint<float> huge;
    huge.parameters = weights;
    save_checkpoint(folder / "huge.h5", *experiment.plan, huge);
    Watch watch;
    const TrainingResult result =
        experiment.run<Space, float>({folder / "a.h5", {}, opened(folder / "huge.h5")}, watch);
    EXPECT_EQ(result.outcome, Outcome::diverged);
    EXPECT_EQ(watch.steps, 1);
    EXPECT_TRUE(contains(result.failure, "training diverged at step 1: loss, forward: loss by row"))
        << result.failure;
    EXPECT_TRUE(contains(result.failure, "no checkpoint was written before"));
    EXPECT_EQ(folder.listing(), "huge.h5");
  }
}

TEST_F(Training, AnAutoencoderHasNoAccuracy) {
  const ScratchFolder folder;
  std::vector<std::string> sets = testing::kAutoencoder;
  sets.insert(sets.end(), {"network.layer.3.units=12", "train.epochs=20"});
  const TrainingResult result =
      Experiment(kPerceptron, sets).run<Space, float>({folder / "a.h5", {}, {}});
  EXPECT_TRUE(result.state.history.test_accuracy.empty());
  EXPECT_EQ(result.state.history.test_loss.size(), 20u);
  EXPECT_LT(result.state.history.train_loss.back(), result.state.history.train_loss.front());
}

TEST_F(Training, AFullDiskEndsTheRunAndLeavesTheOldCheckpoint) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {});
  EXPECT_TRUE(contains(error_of(
                           [&] {
                             experiment.run<Space, float>({"/dev/full", {}, {}});
                           },
                           Status::run_failed),
                       "/dev/full: cannot write: it is a device, not a file"));
}

#if defined(KOKKOS_ENABLE_OPENMP)
TEST_F(Training, EverySpaceOfTheHostTrainsToTheSameBits) {
  const ScratchFolder folder;
  for (const testing::NetworkCase& network : testing::all_networks()) {
    SCOPED_TRACE(network.name);
    std::vector<std::string> sets = network.sets;
    sets.insert(sets.end(), {"train.optimizer.momentum=0.9", "train.batch=35"});
    const Experiment experiment(network.layers, sets);
    experiment.run<Kokkos::Serial, float>({folder / "serial.h5", {}, {}});
    experiment.run<Kokkos::OpenMP, float>({folder / "openmp.h5", {}, {}});
    expect_same_run<float>(folder / "openmp.h5", folder / "serial.h5", *experiment.plan, "openmp");
  }
}
#endif

TEST_F(Training, AHundredLayersLearn) {
  std::string layers = "[[network.layer]]\nkind = \"flatten\"\n";
  for (int i = 0; i < 50; ++i) {
    layers +=
        "[[network.layer]]\nkind = \"residual\"\nlayer = [ { kind = \"layer_norm\" }, { kind = "
        "\"dense\", units = 12, activation = \"relu\" }, { kind = \"dense\", units = 12 } ]\n";
  }
  layers += "[[network.layer]]\nkind = \"dense\"\nunits = 5\n";
  const ScratchFolder folder;
  const Experiment experiment(
      layers, {"train.epochs=15", "train.optimizer={ kind = \"adam\", learning_rate = 0.003 }"});
  EXPECT_GT(experiment.plan->layers.size(), 200u);
  const TrainingResult result = experiment.run<Space, float>({folder / "a.h5", {}, {}});
  EXPECT_EQ(result.outcome, Outcome::finished);
  const std::vector<double>& losses = result.state.history.train_loss;
  EXPECT_LT(losses.back(), 0.5 * losses.front());
}

TEST_F(Training, ATestLossThatIsNotFiniteIsDivergence) {
  const ScratchFolder folder;
  std::vector<std::string> sets = testing::kAutoencoder;
  sets.push_back("train.optimizer.learning_rate=1e-9");
  Experiment experiment(
      "[[network.layer]]\nkind = \"flatten\"\n[[network.layer]]\nkind = \"dense\"\nunits = 12\n",
      sets);
  auto& values = std::get<std::vector<float>>(experiment.dataset.test.inputs);
  values[3] = 1e25f;  // float32 cannot represent its square
  EXPECT_EQ((experiment.run<Space, float>({folder / "a.h5", {}, {}}).outcome), Outcome::diverged);
  EXPECT_EQ(folder.listing(), "");
}

}  // namespace
}  // namespace ridgeline::network
