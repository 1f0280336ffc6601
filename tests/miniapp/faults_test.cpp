#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "core/random.hpp"
#include "miniapp/ridgeline.hpp"
#include "network/checkpoint.hpp"

// Faults of nodes and disks: kills at any moment, two runs at once, full and read-only disks.
// RIDGELINE_SOAK=N runs N kills and N / 5 pairs of runs (tests/run.sh --soak).

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

class Faults : public CommandLineThatComputes {
 protected:
  static int soak(int otherwise, int divisor = 1) {
    const char* count = std::getenv("RIDGELINE_SOAK");
    return count != nullptr ? std::max(1, std::atoi(count) / divisor) : otherwise;
  }
  CommandResult line(const std::string& text) const {
    CommandOptions here;
    here.folder = folder.path();
    return shell(text, here);
  }
  // Returns whether a private mount namespace is possible, as root.
  bool can_mount() const { return line("unshare -m mount -t tmpfs none /mnt").status == 0; }
};

TEST_F(Faults, AKillAtAnyMomentLosesNothingAndLeavesAReadableCheckpoint) {
  // Checkpoints follow each other, so that most kills come while one is written.
  const int kills = soak(20);
  const Lines often = {"--set", "checkpoint.every_steps=3", "--quiet"};
  const auto epochs = [](int count) {
    return Lines{"--set", "train.epochs=" + std::to_string(count)};
  };
  // Up to twice the time of a run of three epochs, most of which is the program's start.
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(train("killed", often + epochs(3)).status, 0);
  const auto latest = std::chrono::duration_cast<std::chrono::microseconds>(
                          2 * (std::chrono::steady_clock::now() - began))
                          .count();
  fs::remove_all(folder / "killed");
  int killed = 0, most_epochs = 3;
  std::int64_t last_step = 0;
  for (int attempt = 0; attempt < kills; ++attempt) {
    Lines resume;
    if (fs::exists(checkpoint("killed"))) resume = {"--resume", checkpoint("killed")};
    // Never finished before it is killed.
    Command command(command_line(train_line("killed", often + resume + epochs(1000000))));
    const Philox random(1, stream::kProbe, static_cast<std::uint64_t>(attempt));
    std::this_thread::sleep_for(
        std::chrono::microseconds(random.below(static_cast<std::uint32_t>(latest), 0)));
    command.send(SIGKILL);
    killed += command.wait().signal == SIGKILL ? 1 : 0;
    if (!fs::exists(checkpoint("killed"))) continue;
    const network::CheckpointFile whole(checkpoint("killed"));  // throws where it is damaged
    EXPECT_GE(whole.state().step, last_step);
    last_step = whole.state().step;
    most_epochs = static_cast<int>(last_step / 10) + 1;
  }
  EXPECT_EQ(killed, kills);
  EXPECT_GT(last_step, 0);
  ASSERT_EQ(
      train("killed", often + epochs(most_epochs) + Lines{"--resume", checkpoint("killed")}).status,
      0);
  ASSERT_EQ(
      train("whole", Lines{"--set", "checkpoint.every_epochs=0"} + epochs(most_epochs)).status, 0);
  EXPECT_EQ(training_of(checkpoint("killed")), training_of(checkpoint("whole")));
  for (const auto& entry : fs::directory_iterator(folder / "killed")) {
    EXPECT_NE(entry.path().extension(), ".partial") << entry.path();
  }
}

TEST_F(Faults, OfTwoRunsOnOneCheckpointOneTrainsAndOneIsRefused) {
  const int pairs = soak(6, 5);
  int meetings = 0;
  for (int pair = 0; pair < pairs; ++pair) {
    const Lines brief = {"--set", "train.epochs=40", "--quiet"};
    const std::string out = "pair" + std::to_string(pair % 2);  // a new folder, and an existing one
    Command a(command_line(train_line(out, brief))), b(command_line(train_line(out, brief)));
    const CommandResult first = a.wait(), second = b.wait();
    // On a busy machine the second may begin after the end of the first, and both finish.
    const bool met = first.status != second.status;
    EXPECT_TRUE(met || (first.status == 0 && second.status == 0)) << first.err << second.err;
    if (met) {
      const CommandResult& refused = first.status == 2 ? first : second;
      expect_refused(refused, "another run writes this checkpoint (host ");
      EXPECT_EQ((first.status == 2 ? second : first).status, 0);
      ++meetings;
    }
    EXPECT_EQ(network::CheckpointFile(checkpoint(out)).state().step, 400);
    EXPECT_FALSE(fs::exists(checkpoint(out) + ".lock"));
  }
  EXPECT_GT(meetings, pairs / 2);
}

TEST_F(Faults, TwoWritersPublishNothingHalfWrittenHoweverTheyMeet) {
#if defined(RIDGELINE_SANITIZED)
  GTEST_SKIP() << "a sanitizer's library has to be the first that is loaded";
#endif
  // A constructed case: one run waits in fsync while another, without a lock, waits in the
  // middle of writing the same file, and is killed there.
  folder.write("deck.toml", deck_with("units = 96", "units = 20000"));
  ASSERT_EQ(train("out", {"--set", "train.epochs=1"}).status, 0);
  const std::size_t whole = bytes_of_file(checkpoint("out")).size();
  ASSERT_GT(whole, 1000000u);
  CommandOptions slow_sync, slow_write;
  slow_sync.environment = {{"LD_PRELOAD", kPreload}, {"NAP_FSYNC", "1.5"}};
  slow_write.environment = {{"LD_PRELOAD", kPreload}, {"NAP_WRITE", "3"}};
  const Lines brief = {"--set", "train.epochs=1", "--no-lock", "--quiet"};
  const auto is_writing = [&](const Command& command) {
    const std::string begin = "deck.h5." + std::to_string(command.process()) + "-";
    for (const auto& entry : fs::directory_iterator(folder / "out")) {
      if (entry.path().filename().string().compare(0, begin.size(), begin) == 0) return true;
    }
    return false;
  };
  Command waiting(command_line(train_line("out", brief)), slow_sync);
  EXPECT_TRUE(waiting.wait_until([&] { return is_writing(waiting); }));
  Command writing(command_line(train_line("out", brief + Lines{"--seed", "2"})), slow_write);
  EXPECT_TRUE(writing.wait_until([&] { return is_writing(writing); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  writing.send(SIGKILL);
  EXPECT_EQ(waiting.wait().status, 0);
  EXPECT_EQ(network::CheckpointFile(checkpoint("out")).state().step, 10);
}

TEST_F(Faults, AFullDiskFailsTheRunAndHarmsNothing) {
  if (!can_mount()) GTEST_SKIP() << "needs root for a small file system";
  folder.write("deck.toml", deck_with("units = 96", "units = 2000"));  // 400 kB per checkpoint
  const CommandResult result = line(
      "mkdir small; unshare -m bash -c 'mount -t tmpfs -o size=700k none small && "
      "$R train deck.toml --output small --set train.epochs=1 --quiet && "
      "cp small/deck.h5 before.h5 && cp small/deck.train.json before.json && "
      "head -c 200 before.h5 >small/deck.h5.previous && "
      "head -c 300000 /dev/zero >small/filler; "
      "$R train deck.toml --output small --quiet; status=$?; "
      "cmp small/deck.h5 before.h5 && cmp small/deck.train.json before.json && "
      "head -c 200 before.h5 | cmp - small/deck.h5.previous && ls small && exit "
      "$status'; "
      "exit $?");
  EXPECT_EQ(result.status, 1) << result.out << result.err;
  ASSERT_EQ(result.errors().size(), 1u) << result.err;
  EXPECT_TRUE(contains(result.errors()[0], "small/deck.h5: cannot write: No space left on device"));
  EXPECT_TRUE(contains(result.out, "deck.h5\ndeck.h5.previous\ndeck.train.json\nfiller\n"));
}

TEST_F(Faults, AReadOnlyFolderIsRefusedBeforeAnyWork) {
  if (!can_mount()) GTEST_SKIP() << "needs root for a read-only file system";
  fs::create_directory(folder / "fixed");
  for (const std::string output : {"--output fixed", "--checkpoint fixed/a.h5"}) {
    const CommandResult result = line(
        "unshare -m bash -c 'mount --bind fixed fixed && "
        "mount -o remount,ro,bind fixed && exec $R train deck.toml " +
        output + "'");
    expect_refused(result, "Read-only file system");
  }
  EXPECT_TRUE(fs::is_empty(folder / "fixed"));
}

}  // namespace
}  // namespace ridgeline::testing
