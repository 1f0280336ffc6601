#include "network/checkpoint_writer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/hdf5.hpp"
#include "io/scratch.hpp"
#include "network/checkpoints.hpp"
#include "network/networks.hpp"
#include "network/resume.hpp"
#include "network/runs.hpp"
#include "support/file_size_limit.hpp"

namespace ridgeline::network {
namespace {

using testing::checkpoint_at;
using testing::contains;
using testing::error_of;
using testing::Experiment;
using testing::kPerceptron;
using testing::ScratchFolder;
using Host = Kokkos::DefaultHostExecutionSpace;

TEST(CheckpointWriter, KeepsTheLastOnesByTheirSteps) {
  const ScratchFolder folder;
  const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
  folder.write("other-3.h5", "not of this run");
  CheckpointWriter<float> writer(plan, folder / "a.h5", 2, {}, io::Replaced::lost, {});
  EXPECT_EQ(writer.newest_step(), std::nullopt);
  for (const std::int64_t step : {3, 9, 10, 200}) writer.write(checkpoint_at(*plan, step));
  writer.finish();
  EXPECT_EQ(writer.newest_step(), 200);
  EXPECT_EQ(folder.listing(), "a-10.h5 a-200.h5 a.h5 other-3.h5");
  EXPECT_EQ(CheckpointFile(folder / "a.h5").state().step, 200);
  EXPECT_EQ(CheckpointFile(folder / "a-10.h5").state().step, 10);
  EXPECT_TRUE(contains(error_of([&] { require_no_numbered_checkpoints(folder / "a.h5"); }),
                       folder / "a-200.h5: there are numbered checkpoints of an earlier run"));
  require_no_numbered_checkpoints(folder / "b.h5");
}

TEST(CheckpointWriter, KeepsWhatTheFirstOneReplaces) {
  for (const std::optional<std::int64_t> keep : {std::optional<std::int64_t>(), {2}}) {
    const ScratchFolder folder;
    const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
    const auto text = [&](const char* name) { return testing::bytes_of_file(folder / name); };
    folder.write("a.h5", "another run's");
    folder.write("a.h5.previous", "an older run's");
    {
      CheckpointWriter<float> writer(plan, folder / "a.h5", keep, {}, io::Replaced::kept, {});
      const testing::FileSizeLimit nothing_fits(100);
      writer.write(checkpoint_at(*plan, 1));
      EXPECT_THROW(writer.finish(), RunError);
      EXPECT_EQ(folder.listing(), "a.h5 a.h5.previous");
      EXPECT_EQ(text("a.h5"), "another run's");
      EXPECT_EQ(text("a.h5.previous"), "an older run's");
    }
    CheckpointWriter<float> writer(plan, folder / "a.h5", keep, {}, io::Replaced::kept, {});
    for (const std::int64_t step : {2, 3}) writer.write(checkpoint_at(*plan, step));
    writer.finish();
    EXPECT_EQ(text("a.h5.previous"), "another run's");
    EXPECT_EQ(CheckpointFile(folder / "a.h5").state().step, 3);
  }
}

TEST(CheckpointWriter, RemovesNoFilesButItsOwn) {
  const ScratchFolder folder;
  const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
  const auto save = [&](const char* name, std::int64_t step) {
    save_checkpoint(folder / name, *plan, checkpoint_at(*plan, step));
  };
  // Of an earlier part of this run, one of them damaged.
  save("a-4.h5", 4);
  save("a-6.h5", 6);
  std::string bytes = testing::bytes_of_file(folder / "a-4.h5");
  const float weight = 4;
  const std::size_t at =
      bytes.find(std::string(reinterpret_cast<const char*>(&weight), sizeof weight));
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  folder.write("a-2.h5", bytes);
  const Refusal none = [](const CheckpointFile&) { return std::nullopt; };
  const std::set<std::int64_t> numbers = numbered_checkpoints(folder / "a.h5", none);
  EXPECT_EQ(numbers, (std::set<std::int64_t>{4, 6}));
  CheckpointWriter<float> writer(plan, folder / "a.h5", 1, numbers, io::Replaced::lost, {});
  // Of another user, meanwhile.
  save("a-5.h5", 5);
  folder.write("a-8.h5", "notes");
  folder.write("a-8.h5.set-aside", "older notes");
  writer.write(checkpoint_at(*plan, 8));
  writer.finish();
  EXPECT_EQ(folder.listing(), "a-2.h5 a-5.h5 a-8.h5 a-8.h5.set-aside a-8.h5.set-aside-2 a.h5");
  EXPECT_EQ(testing::bytes_of_file(folder / "a-8.h5.set-aside-2"), "notes");
}

TEST(NumberedCheckpoints, AreOfThisRunOrAreRefused) {
  const ScratchFolder folder;
  const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
  std::string reason;
  const Refusal refusal = [&](const CheckpointFile&) {
    return reason.empty() ? std::nullopt : std::optional<std::string>(reason);
  };
  const auto error = [&] {
    return error_of([&] { numbered_checkpoints(folder / "a.h5", refusal); });
  };
  const std::string begin =
      folder / "a-9.h5" +
      ": checkpoint.keep would replace it, and it is not a checkpoint of this "
      "run: ";
  save_checkpoint(folder / "a-9.h5", *plan, checkpoint_at(*plan, 9));
  EXPECT_EQ(error(), "none");
  reason = "its seed is another";
  EXPECT_EQ(error(), begin + "its seed is another; move it, or choose another --checkpoint");
  reason.clear();
  save_checkpoint(folder / "a-9.h5", *plan, checkpoint_at(*plan, 10));
  EXPECT_TRUE(contains(error(), begin + "its step is 10"));
  // Possibly damaged checkpoints are kept; other files are errors.
  const std::string bytes = testing::bytes_of_file(folder / "a-9.h5");
  for (const std::size_t left : {bytes.size() - 10, bytes.size() / 2, std::size_t{0}}) {
    folder.write("a-9.h5", bytes.substr(0, left));
    EXPECT_TRUE(numbered_checkpoints(folder / "a.h5", refusal).empty()) << left;
  }
  folder.write("a-9.h5", "notes");  // or a checkpoint without its beginning
  EXPECT_TRUE(numbered_checkpoints(folder / "a.h5", refusal).empty());
  io::Hdf5Writer other;
  other.write("/values", std::vector<float>{1});
  other.save(folder / "a-9.h5");
  EXPECT_TRUE(contains(error(), begin + (folder / "a-9.h5") + ": "));
  std::filesystem::remove(folder / "a-9.h5");
  save_checkpoint(folder / "b.h5", *plan, checkpoint_at(*plan, 9));
  std::filesystem::create_symlink(folder / "b.h5", folder / "a-9.h5");
  EXPECT_TRUE(contains(error(), begin + "it is a link, or no file"));
  std::filesystem::remove(folder / "a-9.h5");
  std::filesystem::create_directory(folder / "a-9.h5");
  EXPECT_TRUE(contains(error(), begin + "it is a link, or no file"));
}

TEST(CheckpointWriter, ThrowsInTheCallersThreadWhatWentWrongInItsOwn) {
  const ScratchFolder folder;
  const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
  CheckpointWriter<float> writer(plan, folder / "none/a.h5", {}, {}, io::Replaced::lost, {});
  writer.write(checkpoint_at(*plan, 1));
  EXPECT_TRUE(contains(error_of([&] { writer.finish(); }, Status::run_failed),
                       folder / "none/a.h5: cannot write: No such file or directory"));
  writer.finish();  // once
  EXPECT_EQ(writer.newest_step(), std::nullopt);
  writer.write(checkpoint_at(*plan, 2));
  EXPECT_NE(error_of([&] { writer.write(checkpoint_at(*plan, 3)); }, Status::run_failed), "none");
}

#if !defined(RIDGELINE_SANITIZED)
TEST(CheckpointWriter, WritesInTheCallersThreadWhereMemoryIsShort) {
  const ScratchFolder folder;
  const auto plan = testing::plan_of(testing::deck_of(kPerceptron));
  CheckpointWriter<float> writer(plan, folder / "a.h5", {}, {}, io::Replaced::lost, {});
  Checkpoint<float> checkpoint = checkpoint_at(*plan, 1);
  rlimit before;
  getrlimit(RLIMIT_AS, &before);
  rlimit none_left = before;
  // By the free memory reported nothing is left, but a small checkpoint can still be allocated.
  none_left.rlim_cur = 1;
  setrlimit(RLIMIT_AS, &none_left);
  std::string error;
  try {
    writer.write(std::move(checkpoint));
  } catch (const std::exception& failure) {
    error = failure.what();
  }
  setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(error, "");
  EXPECT_EQ(writer.newest_step(), 1);  // it was complete when write() returned
}
#endif

class Writing : public testing::Computing {};

TEST_F(Writing, FailsTheRunAndLeavesTheLastCheckpoint) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "out");
  const Experiment experiment(kPerceptron, {"train.epochs=200"});
  testing::Watch watch;
  // The folder is removed during training.
  watch.step = [&](std::int64_t step) {
    if (step == 12) std::filesystem::rename(folder / "out", folder / "gone");
  };
  EXPECT_TRUE(contains(error_of(
                           [&] {
                             experiment.run<Host, float>({folder / "out/a.h5", {}, {}}, watch);
                           },
                           Status::run_failed),
                       "cannot write: No such file or directory"));
  EXPECT_LT(watch.steps, 1000);
  EXPECT_EQ(CheckpointFile(folder / "gone/a.h5").state().step % 5, 0);
}

}  // namespace
}  // namespace ridgeline::network
