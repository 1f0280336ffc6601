#include <gtest/gtest.h>

#include <cmath>

#include "io/scratch.hpp"
#include "network/networks.hpp"
#include "network/runs.hpp"

// Losses and gradients that are not finite: the run ends with layer, phase and step, or skips the
// step.

namespace ridgeline::network {
namespace {

using testing::contains;
using testing::Experiment;
using testing::load_checkpoint;
using testing::opened;
using testing::ScratchFolder;
using testing::Watch;
using testing::with;
using Host = Kokkos::DefaultHostExecutionSpace;

class NonFiniteSteps : public testing::Computing {};

const std::string kNetwork = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "fc1"
units = 6
activation = "tanh"
[[network.layer]]
kind = "batch_norm"
name = "norm"
[[network.layer]]
kind = "dense"
name = "fc2"
units = 5
)";
const std::vector<std::string> kInOrder = {"data.shuffle=false", "checkpoint.every_epochs=1"};

// Makes the inputs of one sample infinite, which a file must not contain.
void spoil(Experiment& experiment, std::size_t sample) {
  auto& values = std::get<std::vector<float>>(experiment.dataset.train.inputs);
  const std::size_t size = experiment.dataset.sample_size();
  for (std::size_t i = 0; i < size; ++i) values[sample * size + i] = HUGE_VALF;
}

TEST_F(NonFiniteSteps, EndTheRunWithLayerPhaseStepAndTheLastCheckpoint) {
  const ScratchFolder folder;
  Experiment clean(kNetwork, kInOrder);
  clean.run<Host, float>({folder / "clean.h5", {}, {}});
  // Sample 40 is in the third step of each epoch of 70 samples in batches of 16.
  Experiment experiment(kNetwork, kInOrder);
  spoil(experiment, 40);
  Watch watch;
  const TrainingResult result = experiment.run<Host, float>({folder / "a.h5", {}, {}}, watch);
  EXPECT_EQ(result.outcome, Outcome::diverged);
  EXPECT_EQ(watch.steps, 3);
  EXPECT_TRUE(
      contains(result.failure, "training diverged at step 3: flatten1, forward: output is not "));
  EXPECT_TRUE(contains(result.failure, "; no checkpoint was written before"));
  EXPECT_EQ(folder.listing(), "clean.h5");

  // With a checkpoint before.
  Experiment stepwise(kNetwork, with(kInOrder, {"checkpoint.every_steps=2"}));
  spoil(stepwise, 40);
  const TrainingResult later = stepwise.run<Host, float>({folder / "a.h5", {}, {}});
  EXPECT_TRUE(
      contains(later.failure, "; the last checkpoint is " + (folder / "a.h5") + ", of step 2"));
  EXPECT_EQ(CheckpointFile(folder / "a.h5").state().step, 2);
}

TEST_F(NonFiniteSteps, OfABackwardPassAreFoundToo) {
  // Logits of 0 have a finite loss and the gradients 0.2, and -0.8 for the label, which is 0 in the
  // first sample; their products with these weights are finite, and the sum of these is not.
  const std::string layers = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "fc1"
units = 3
bias = false
[[network.layer]]
kind = "dense"
name = "fc2"
units = 5
bias = false
)";
  const ScratchFolder folder;
  const Experiment experiment(layers, with(kInOrder, {"train.batch=1", "train.clip_norm=1.0"}));
  Checkpoint<float> begin;
  begin.parameters.assign(experiment.plan->parameter_buffer_size, 0.0f);
  for (const ParameterSlot& slot : experiment.plan->parameters) {
    if (slot.layer != "fc2") continue;
    for (std::size_t i = 0; i < slot.size; ++i) {
      begin.parameters[slot.offset + i] = i < 3 ? -3e38f : 3e38f;
    }
  }
  save_checkpoint(folder / "init.h5", *experiment.plan, begin);
  const TrainingResult result =
      experiment.run<Host, float>({folder / "a.h5", {}, opened(folder / "init.h5")});
  EXPECT_EQ(result.outcome, Outcome::diverged);
  EXPECT_TRUE(contains(result.failure,
                       "training diverged at step 1: fc2, backward: gradient of its input is not "
                       "finite (inf at position 0)"))
      << result.failure;
}

TEST_F(NonFiniteSteps, AreLeftOutWhereTheDeckSaysSo) {
  const ScratchFolder folder;
  const auto sets = with(kInOrder, {"train.on_nonfinite=skip", "train.epochs=3"});
  for (const bool clipped : {false, true}) {
    Experiment experiment(kNetwork, clipped ? with(sets, {"train.clip_norm=1.0"}) : sets);
    spoil(experiment, 40);
    const TrainingResult result = experiment.run<Host, float>({folder / "a.h5", {}, {}});
    EXPECT_EQ(result.outcome, Outcome::finished);
    EXPECT_EQ(result.state.step, 15);
    EXPECT_EQ(result.state.skipped.total, 3);
    EXPECT_EQ(result.state.skipped.in_a_row, 0);
    const auto checkpoint = load_checkpoint<float>(folder / "a.h5", *experiment.plan);
    EXPECT_EQ(checkpoint.state.skipped.total, 3);
    for (const double loss : checkpoint.state.history.train_loss) EXPECT_TRUE(std::isfinite(loss));
    // The skipped batch does not change running statistics; the checkpoint shows that parameters
    // are finite.
    EXPECT_LT(checkpoint.state.history.train_loss[2], checkpoint.state.history.train_loss[0]);
  }
}

TEST_F(NonFiniteSteps, LeaveTheOtherStepsAsTheyAre) {
  // A run without skipped steps has bitwise equal results with either setting.
  const ScratchFolder folder;
  const Experiment stop(kNetwork, kInOrder);
  const Experiment skip(kNetwork, with(kInOrder, {"train.on_nonfinite=skip"}));
  stop.run<Host, float>({folder / "a.h5", {}, {}});
  skip.run<Host, float>({folder / "b.h5", {}, {}});
  testing::expect_same_run<float>(folder / "b.h5", folder / "a.h5", *stop.plan, "skip");
}

TEST_F(NonFiniteSteps, AreCountedOverAResume) {
  const ScratchFolder folder;
  const auto sets = with(kInOrder, {"train.on_nonfinite=skip"});
  Experiment whole(kNetwork, sets), part(kNetwork, with(sets, {"train.stop_after_steps=4"}));
  for (Experiment* each : {&whole, &part}) {
    spoil(*each, 40);
    spoil(*each, 50);  // steps 3 and 4
  }
  whole.run<Host, float>({folder / "whole.h5", {}, {}});
  part.run<Host, float>({folder / "part.h5", {}, {}});
  EXPECT_EQ(load_checkpoint<float>(folder / "part.h5", *part.plan).state.skipped.in_a_row, 2);
  whole.run<Host, float>({folder / "part.h5", opened(folder / "part.h5"), {}});
  testing::expect_same_run<float>(folder / "part.h5", folder / "whole.h5", *whole.plan, "resume");
  EXPECT_EQ(load_checkpoint<float>(folder / "part.h5", *part.plan).state.skipped.total,
            load_checkpoint<float>(folder / "whole.h5", *part.plan).state.skipped.total);
}

TEST_F(NonFiniteSteps, TenInARowEndTheRun) {
  const ScratchFolder folder;
  Experiment experiment(kNetwork, with(kInOrder, {"train.on_nonfinite=skip", "train.batch=5"}));
  for (std::size_t sample = 12; sample < 70; ++sample) spoil(experiment, sample);
  Watch watch;
  const TrainingResult result = experiment.run<Host, float>({folder / "a.h5", {}, {}}, watch);
  EXPECT_EQ(result.outcome, Outcome::diverged);
  EXPECT_EQ(watch.steps, 12);  // two good ones, and ten
  EXPECT_TRUE(contains(result.failure, "at step 12, the last of 10 in a row: flatten1, forward"));
}

TEST_F(NonFiniteSteps, AnEpochOfThemAloneEndsTheRun) {
  const ScratchFolder folder;
  Experiment experiment(kNetwork, with(kInOrder, {"train.on_nonfinite=skip"}));
  for (std::size_t sample = 0; sample < 70; ++sample) spoil(experiment, sample);
  const TrainingResult result = experiment.run<Host, float>({folder / "a.h5", {}, {}});
  EXPECT_EQ(result.outcome, Outcome::diverged);
  EXPECT_TRUE(contains(result.failure, "no step of epoch 1 had a finite loss"));
}

}  // namespace
}  // namespace ridgeline::network
