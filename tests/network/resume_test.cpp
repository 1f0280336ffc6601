#include "network/resume.hpp"

#include <gtest/gtest.h>

#include "network/runs.hpp"

// A run that was interrupted anywhere and resumed has bitwise the results of one that never was.

namespace ridgeline::network {
namespace {

using testing::checkpoint_at;
using testing::contains;
using testing::error_of;
using testing::expect_same_run;
using testing::Experiment;
using testing::kMixed;
using testing::kPerceptron;
using testing::load_checkpoint;
using testing::opened;
using testing::ScratchFolder;
using testing::Watch;
using testing::with;

using Sets = std::vector<std::string>;

constexpr std::int64_t kSteps = 15;  // five per epoch

const Sets kVariants[] = {
    {},
    {"train.optimizer.momentum=0.9"},
    {"train.optimizer={ kind = \"sgd\", learning_rate = 0.1, momentum = 0.9, nesterov = true, "
     "weight_decay = 0.01 }"},
    {"train.optimizer.momentum=0.9",
     "train.schedule={ kind = \"cosine\", warmup_steps = 4, final = 0.001 }"},
    {"data.shuffle=false", "train.label_smoothing=0.1"},
    {"train.shuffle_seed=77", "train.seed=5", "network.gemm=kokkos_kernels"},
};

class Resume : public testing::Computing {};

// Stops a run after each of `stops` steps and resumes it; compares with one that ran through.
template <class Space, class T>
void check_resume(const Experiment& whole, const std::string& whole_path, const std::string& layers,
                  const Sets& sets, const std::vector<std::int64_t>& stops,
                  const std::string& what) {
  const ScratchFolder folder;
  const std::string part = folder / "part.h5";
  TrainingFiles files{part, {}, {}};
  std::int64_t before = 0;
  for (const std::int64_t stop : stops) {
    // Each run's own steps are counted.
    const Experiment stopping(
        layers, with(sets, {"train.stop_after_steps=" + std::to_string(stop - before)}));
    before = stop;
    const TrainingResult result = stopping.run<Space, T>(files);
    EXPECT_EQ(result.outcome, Outcome::stopped_after_steps) << what;
    EXPECT_EQ(result.state.step, stop) << what;
    files.resume = opened(part);
  }
  const TrainingResult result = whole.run<Space, T>(files);
  EXPECT_EQ(result.outcome, Outcome::finished) << what;
  expect_same_run<T>(part, whole_path, *whole.plan, what);
}

template <class Space, class T>
void check_every_step() {
  for (std::size_t variant = 0; variant < std::size(kVariants); ++variant) {
    // Only where it stops, since every checkpoint waits for the disk.
    const Sets sets = with(kVariants[variant], {"checkpoint.every_epochs=0"});
    const ScratchFolder folder;
    const Experiment whole(kPerceptron, sets);
    whole.run<Space, T>({folder / "whole.h5", {}, {}});
    for (std::int64_t stop = 1; stop < kSteps; stop += variant == 3 ? 1 : 4) {
      check_resume<Space, T>(whole, folder / "whole.h5", kPerceptron, sets, {stop},
                             "variant " + std::to_string(variant) + " at " + std::to_string(stop));
    }
  }
}

TEST_F(Resume, AfterAnyStepGivesTheBitsOfAnUninterruptedRun) {
#define RIDGELINE_CHECK(Space, T) check_every_step<Space, T>();
  RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
}

using HostSpace = Kokkos::DefaultHostExecutionSpace;

TEST_F(Resume, ManyTimesOverGivesTheSameBitsToo) {
  const ScratchFolder folder;
  const Experiment whole(kMixed, kVariants[3]);
  whole.run<HostSpace, float>({folder / "whole.h5", {}, {}});
  check_resume<HostSpace, float>(whole, folder / "whole.h5", kMixed, kVariants[3],
                                 {1, 2, 4, 5, 6, 9, 10, 14}, "many");
}

TEST_F(Resume, FromEveryCheckpointOfARunGivesTheSameBits) {
  // After kill -9 there is the last checkpoint: one every third step and at the end of every epoch.
  const ScratchFolder folder;
  const Sets often = {"checkpoint.every_steps=3", "checkpoint.every_epochs=1"};
  const Experiment kept(kPerceptron, with(with(kVariants[2], often), {"checkpoint.keep=100"}));
  kept.run<HostSpace, double>({folder / "a.h5", {}, {}});
  EXPECT_EQ(folder.listing(), "a-10.h5 a-12.h5 a-15.h5 a-3.h5 a-5.h5 a-6.h5 a-9.h5 a.h5");
  const Experiment experiment(kPerceptron, with(kVariants[2], often));
  for (const std::int64_t step : {3, 5, 6, 9, 10, 12}) {
    const std::string from = folder / ("a-" + std::to_string(step) + ".h5");
    experiment.run<HostSpace, double>({folder / "b.h5", opened(from), {}});
    expect_same_run<double>(folder / "b.h5", folder / "a.h5", *experiment.plan, from);
  }
}

TEST_F(Resume, AfterASignalGivesTheSameBits) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, kVariants[1]);
  experiment.run<HostSpace, float>({folder / "whole.h5", {}, {}});
  for (const std::int64_t stop : {1, 4, 5, 6, 14}) {
    Watch watch;
    watch.stop_at = stop;
    experiment.run<HostSpace, float>({folder / "a.h5", {}, {}}, watch);
    experiment.run<HostSpace, float>({folder / "b.h5", opened(folder / "a.h5"), {}});
    expect_same_run<float>(folder / "b.h5", folder / "whole.h5", *experiment.plan,
                           std::to_string(stop));
  }
}

TEST_F(Resume, WithMoreEpochsGoesOnAsALongerRunWouldHave) {
  const ScratchFolder folder;
  for (const std::int64_t stop : {7, 15}) {
    const Sets sets = kVariants[2];
    const Experiment longer(kPerceptron, with(sets, {"train.epochs=5"}));
    longer.run<HostSpace, float>({folder / "long.h5", {}, {}});
    const Experiment shorter(kPerceptron,
                             with(sets, {"train.stop_after_steps=" + std::to_string(stop)}));
    shorter.run<HostSpace, float>({folder / "short.h5", {}, {}});
    longer.run<HostSpace, float>({folder / "short.h5", opened(folder / "short.h5"), {}});
    expect_same_run<float>(folder / "short.h5", folder / "long.h5", *longer.plan,
                           std::to_string(stop));
  }
}

TEST_F(Resume, OfAFinishedRunDoesNothing) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {});
  const TrainingResult first = experiment.run<HostSpace, float>({folder / "a.h5", {}, {}});
  const std::string before = testing::bytes_of_file(folder / "a.h5");
  Watch watch;
  const TrainingResult again =
      experiment.run<HostSpace, float>({folder / "b.h5", opened(folder / "a.h5"), {}}, watch);
  EXPECT_EQ(again.outcome, Outcome::already_finished);
  EXPECT_EQ(watch.steps, 0);
  EXPECT_EQ(again.state.history.test_accuracy, first.state.history.test_accuracy);
  EXPECT_EQ(testing::bytes_of_file(folder / "a.h5"), before);
  EXPECT_EQ(folder.listing(), "a.h5");
}

TEST_F(Resume, OnAnotherSpaceOfTheHostGivesTheSameBits) {
#if defined(KOKKOS_ENABLE_OPENMP)
  const ScratchFolder folder;
  const Sets sets = {"train.optimizer.momentum=0.9", "train.batch=35"};
  const Experiment whole(testing::kWide, sets);
  const Experiment stopping(testing::kWide, with(sets, {"train.stop_after_steps=3"}));
  whole.run<Kokkos::OpenMP, float>({folder / "whole.h5", {}, {}});
  stopping.run<Kokkos::Serial, float>({folder / "part.h5", {}, {}});
  whole.run<Kokkos::OpenMP, float>({folder / "part.h5", opened(folder / "part.h5"), {}});
  expect_same_run<float>(folder / "part.h5", folder / "whole.h5", *whole.plan, "spaces");
#else
  GTEST_SKIP() << "a build with one space";
#endif
}

TEST_F(Resume, OfACursorBeyondTheDataIsRefused) {
  const ScratchFolder folder;
  const Experiment experiment(kPerceptron, {"train.stop_after_steps=2"});
  experiment.run<HostSpace, float>({folder / "a.h5", {}, {}});
  auto checkpoint = load_checkpoint<float>(folder / "a.h5", *experiment.plan);
  checkpoint.state.sample = 71;
  save_checkpoint(folder / "a.h5", *experiment.plan, checkpoint);
  EXPECT_NE(testing::error_of([&] {
              experiment.run<HostSpace, float>({folder / "a.h5", opened(folder / "a.h5"), {}});
            }),
            "none");
}

TEST_F(Resume, OfEveryKindOfLayerAndOptimizerGivesTheBitsOfAnUninterruptedRun) {
  using Host = Kokkos::DefaultHostExecutionSpace;
  const std::string optimizers[] = {"adam", "adamw", "rmsprop"};
  std::size_t turn = 0;
  for (const testing::NetworkCase& network : testing::all_networks()) {
    SCOPED_TRACE(network.name);
    Sets sets = with(network.sets, {"train.optimizer={ kind = \"" + optimizers[turn++ % 3] +
                                        "\", learning_rate = 0.003, weight_decay = 0.01 }",
                                    "train.clip_norm=0.5", "checkpoint.every_epochs=0",
                                    "train.schedule={ kind = \"step\", every = 2, factor = 0.5 }"});
    if (network.name == "images") sets.emplace_back("data.augment={ flip = true, crop = 1 }");
    const ScratchFolder folder;
    const Experiment whole(network.layers, sets);
    whole.run<Host, float>({folder / "whole.h5", {}, {}});
    check_resume<Host, float>(whole, folder / "whole.h5", network.layers, sets, {2, 7, 12},
                              network.name);
  }
}

class NewestCheckpoint : public ::testing::Test {
 protected:
  void save(const std::string& name, std::int64_t step) const {
    save_checkpoint(folder / name, *plan, checkpoint_at(*plan, step));
  }
  ResumePoint newest(const std::string& unfit = {}) const {
    return newest_checkpoint(folder.path(), [&](const CheckpointFile& file) {
      return !unfit.empty() && file.path() == folder / unfit
                 ? std::optional<std::string>("another deck's")
                 : std::nullopt;
    });
  }

  const ScratchFolder folder;
  const std::shared_ptr<const NetworkPlan> plan = testing::plan_of(testing::deck_of(kPerceptron));
};

TEST_F(NewestCheckpoint, IsTheHighestStepThatIsWholeAndFits) {
  save("a-9.h5", 9);
  save("a-10.h5", 10);
  save("a-11.h5", 11);
  save("a.h5", 12);
  folder.write("notes.txt", "no HDF5");
  folder.write("no\ntes.txt", "a name that no message should hold");
  save("b.h5", 99);
  std::filesystem::copy(folder / "b.h5", io::previous_name(folder / "b.h5"));
  std::filesystem::rename(folder / "b.h5", folder / "b.h5.123-0123abcd.partial");
  io::Hdf5Writer data;
  data.write("/train/inputs", std::vector<float>{1});
  data.save(folder / "data.h5");
  EXPECT_EQ(newest().file->path(), folder / "a.h5");
  ASSERT_EQ(newest().skipped.size(), 2u);
  EXPECT_TRUE(contains(newest().skipped[0], "must not hold control characters"));
  std::filesystem::remove(folder / "no\ntes.txt");

  std::string bytes = testing::bytes_of_file(folder / "a.h5");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 8);
  folder.write("a.h5", bytes.substr(0, bytes.size() - 100));
  const ResumePoint point = newest("a-11.h5");
  EXPECT_EQ(point.file->path(), folder / "a-10.h5");
  ASSERT_EQ(point.skipped.size(), 3u);
  EXPECT_TRUE(contains(point.skipped[0], folder / "a.h5: "));
  EXPECT_EQ(point.skipped[2],
            (folder / "b.h5.previous") +
                ": has 99 steps, and a run replaced it; to resume from it, rename it");
  EXPECT_EQ(point.skipped[1], folder / "a-11.h5: another deck's");
}

TEST_F(NewestCheckpoint, IsAnErrorWithAllReasonsWhereNoneIsLeft) {
  EXPECT_EQ(error_of([&] { newest(); }),
            folder.path() + ": holds no checkpoint to resume from; omit --resume to begin");
  save("a.h5", 3);
  EXPECT_EQ(error_of([&] { newest("a.h5"); }), (folder / "a.h5") + ": another deck's; " +
                                                   folder.path() +
                                                   " holds no other checkpoint to resume from");
  std::filesystem::rename(folder / "a.h5", folder / "a.h5.previous");
  EXPECT_EQ(error_of([&] { newest(); }),
            (folder / "a.h5.previous") +
                ": has 3 steps, and a run replaced it; to resume from it, rename it; " +
                folder.path() + " holds no other checkpoint to resume from");
  folder.write("b.h5", "");
  EXPECT_TRUE(contains(error_of([&] { newest(); }), (folder / "b.h5") + ": is not an HDF5 file; "));
  EXPECT_TRUE(contains(error_of([&] {
                         newest_checkpoint(folder / "none", [](const CheckpointFile&) {
                           return std::optional<std::string>();
                         });
                       }),
                       "No such file or directory"));
}

}  // namespace
}  // namespace ridgeline::network
