#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "miniapp/ridgeline.hpp"

// Files that a run reads and writes: no input is overwritten, no two runs share a file, nothing
// blocks.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

class RunFilesOfTheCommand : public CommandLineThatComputes {
 protected:
  CommandResult run(const Lines& arguments) const {
    CommandOptions options;
    options.folder = folder.path();
    return ridgeline(arguments, options);
  }
  // Expects an error that leaves the folder unchanged.
  void expect_harmless(const Lines& arguments, const std::string& part) const {
    std::map<std::string, std::string> before = contents();
    expect_refused(run(arguments), part);
    EXPECT_EQ(contents(), before) << arguments.front() << " " << part;
  }
  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      if (entry.is_regular_file()) {
        files[entry.path().string()] = bytes_of_file(entry.path().string());
      }
    }
    return files;
  }
};

TEST_F(RunFilesOfTheCommand, AreNeverTheDecksOwnData) {
  // The deck's default checkpoint has the name of its data.
  fs::copy(case_path("hostile/own_data"), folder.path(), fs::copy_options::recursive);
  expect_harmless({"train", "diabetes.toml"},
                  "diabetes.h5: the checkpoint, which is named after the deck by default, would "
                  "overwrite data.path; set checkpoint.path in the deck, or give --checkpoint");
  expect_harmless({"train", "diabetes.toml", "--dry-run"}, "would overwrite data.path");
  expect_harmless({"train", "diabetes.toml", "--set", "checkpoint.path=./diabetes.h5"},
                  "would overwrite data.path (diabetes.h5); change checkpoint.path");
  fs::create_hard_link(folder / "diabetes.h5", folder / "same.h5");
  expect_harmless({"train", "diabetes.toml", "--checkpoint", "same.h5"},
                  "same.h5: the checkpoint would overwrite data.path");
  ASSERT_EQ(run({"train", "diabetes.toml", "--checkpoint", "model.h5"}).status, 0);
  EXPECT_EQ(bytes_of_file(folder / "diabetes.h5"),
            bytes_of_file(case_path("hostile/own_data/diabetes.h5")));
}

TEST_F(RunFilesOfTheCommand, AreNeverAnotherInputNorAnotherOutput) {
  ASSERT_EQ(train("out").status, 0);
  const std::string model = checkpoint("out");
  expect_harmless({"train", "deck.toml", "--checkpoint", "deck.toml"}, "would overwrite the deck");
  expect_harmless({"train", "deck.toml", "--init", model, "--checkpoint", model},
                  "the checkpoint would overwrite --init");
  expect_harmless({"train", "deck.toml", "--init", model, "--output", "out"},
                  "would overwrite --init");
  fs::create_directory(folder / "linked");
  fs::copy_file(model, folder / "linked/deck.h5");
  fs::create_symlink("deck.h5", folder / "linked/deck.train.json");
  expect_harmless({"train", "deck.toml", "--output", "linked"},
                  "deck.train.json: the run's record would overwrite the checkpoint");
  expect_harmless({"train", "deck.toml", "--resume", "out/deck.train.json", "--output", "out"},
                  "out/deck.train.json: is not an HDF5 file");
  fs::create_directory(folder / "other");
  fs::copy_file(model, folder / "other/deck.train.json");
  expect_harmless({"train", "deck.toml", "--resume", "other/deck.train.json", "--output", "other"},
                  "the run's record would overwrite --resume");
  fs::copy_file(model, folder / "out/deck.h5.previous");
  expect_harmless(
      {"train", "deck.toml", "--init", "out/deck.h5.previous", "--output", "out"},
      "the checkpoint that is replaced, kept under this name, would overwrite --init; rename ");
  fs::copy_file(model, folder / "deck-20.h5");
  expect_harmless({"train", "deck.toml", "--init", "deck-20.h5", "--set", "checkpoint.keep=2"},
                  "a numbered checkpoint would overwrite --init");
  for (const std::string other : {"deck.toml", "in.h5", "out/deck.h5"}) {
    io::Hdf5Writer inputs;
    inputs.write("/inputs", {2, 20}, std::vector<float>(40, 0.5f).data());
    inputs.save(folder / "in.h5");
    expect_harmless(
        {"infer", "deck.toml", "--checkpoint", model, "--input", "in.h5", "--output", other},
        "--output would overwrite ");
  }
  // The values of --input come from another file, or there are none.
  fs::copy_file(case_path("hdf5/source.h5"), folder / "source.h5");
  fs::copy_file(case_path("hdf5/virtual_inputs.h5"), folder / "virtual_inputs.h5");
  expect_harmless({"infer", "deck.toml", "--checkpoint", model, "--input", "virtual_inputs.h5",
                   "--output", "source.h5"},
                  "--output would overwrite --input");
  io::Hdf5Writer nothing;
  nothing.write("/inputs", {0, 20}, std::vector<float>(1).data());
  nothing.save(folder / "nothing.h5");
  expect_harmless(
      {"infer", "deck.toml", "--checkpoint", model, "--input", "nothing.h5", "--output", "new.h5"},
      "nothing.h5: /inputs: holds no samples");
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  fs::copy_file(machine, folder / "machine.json");
  expect_harmless(
      {"roofline", "deck.toml", "--machine", "machine.json", "--output", "machine.json"},
      "--output would overwrite --machine");
  expect_harmless({"roofline", "deck.toml", "--machine", "machine.json", "--output", "deck.toml"},
                  "--output would overwrite the deck");
  expect_harmless(
      {"study", "crossover", "--machine", "machine.json", "--no-decks", "--output", "machine.json"},
      "--output would overwrite --machine");
  expect_harmless({"study", "scaling", "--deck", "deck.toml", "--output", "deck.toml"},
                  "--output would overwrite a deck");
}

TEST_F(RunFilesOfTheCommand, MayBeTheCheckpointThatIsResumed) {
  ASSERT_EQ(train("out", {"--set", "train.stop_after_steps=5"}).status, 0);
  EXPECT_EQ(train("out", {"--resume", checkpoint("out")}).status, 0);
  EXPECT_EQ(train("out", {"--resume", checkpoint("out"), "--set", "train.epochs=4", "--checkpoint",
                          checkpoint("out")})
                .status,
            0);
}

TEST_F(RunFilesOfTheCommand, ReplaceNothingButResults) {
  ASSERT_EQ(train("out").status, 0);
  ASSERT_EQ(train("other").status, 0);
  io::Hdf5Writer inputs;
  inputs.write("/inputs", {2, 20}, std::vector<float>(40, 0.5f).data());
  inputs.save(folder / "in.h5");
  folder.write("notes", "precious");
  const Lines infer = {"infer",   "deck.toml", "--checkpoint", "out/deck.h5",
                       "--input", "in.h5",     "--output"};
  for (const char* file : {"other/deck.h5", "notes"}) {
    expect_harmless(infer + Lines{file},
                    file + std::string(": --output would replace it, and it is not a result"));
    expect_harmless({"machine", "--output", file}, "it is not a result of ridgeline");
  }
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run(infer + Lines{"y.h5"}).status, 0);
  fs::create_directory(folder / "new");
  fs::rename(folder / "notes", folder / "new/deck.train.json");
  expect_harmless({"train", "deck.toml", "--output", "new"}, "the run's record would replace it");
}

TEST_F(RunFilesOfTheCommand, KeepACheckpointThatAnotherRunLeft) {
  const std::string now = checkpoint("out"), kept = now + ".previous";
  const Lines short_run = {"--set", "train.epochs=1"};
  ASSERT_EQ(train("out").status, 0);
  const std::string first = bytes_of_file(now);
  EXPECT_TRUE(contains(train("out", short_run).err,
                       "the checkpoint that is there will be kept as " + kept));
  EXPECT_EQ(bytes_of_file(kept), first);
  EXPECT_NE(bytes_of_file(now), first);
  // Of two that would be lost, the one with more steps is kept, or the newer one if both have as
  // many.
  EXPECT_TRUE(contains(train("out", short_run).err, kept + ", of 30 steps, stays"));
  EXPECT_EQ(bytes_of_file(kept), first);
  fs::create_symlink("out/deck.h5", folder / "link.h5");
  ASSERT_EQ(run({"train", "deck.toml", "--checkpoint", "link.h5", "--seed", "2"}).status, 0);
  const std::string second = bytes_of_file(now);
  ASSERT_EQ(train("out").status, 0);
  EXPECT_EQ(bytes_of_file(kept), second);
  // A run that resumes from the checkpoint itself, under any name, keeps none.
  ASSERT_EQ(train("out", {"--resume", folder / "link.h5", "--set", "train.epochs=4"}).status, 0);
  EXPECT_EQ(bytes_of_file(kept), second);
  EXPECT_FALSE(fs::exists(folder / "link.h5.previous"));
  // One that resumes from another file replaces it as a new run does.
  const std::string third = bytes_of_file(now);
  ASSERT_EQ(train("there", {"--set", "train.stop_after_steps=5"}).status, 0);
  ASSERT_EQ(train("out", {"--resume", checkpoint("there")}).status, 0);
  EXPECT_EQ(bytes_of_file(kept), third);
  // One that writes nothing replaces nothing.
  EXPECT_EQ(train("out", {"--set", "train.optimizer.learning_rate=1e30"}).status, 1);
  EXPECT_EQ(bytes_of_file(kept), third);
  // The folder's run is resumed, and the longer one is mentioned.
  EXPECT_TRUE(contains(train("out", {"--resume", folder / "out"}).err,
                       "warning: skipped " + kept + ": has 40 steps, and a run replaced it"));
}

TEST_F(RunFilesOfTheCommand, LoseNothingUnderTheNamesForWhatIsReplaced) {
  const std::string now = checkpoint("out"), kept = now + ".previous";
  ASSERT_EQ(train("out").status, 0);
  ASSERT_EQ(train("short", {"--set", "train.epochs=1"}).status, 0);
  folder.write("notes", "precious");
  fs::create_symlink("../notes", kept);
  expect_harmless({"train", "deck.toml", "--output", "out"},
                  "deck.h5.previous: is not a checkpoint");
  // A link is replaced, and its target is kept.
  for (const std::string to : {"../short/deck.h5", "deck.h5"}) {
    fs::remove(kept);
    fs::create_symlink(to, kept);
    const std::string before = bytes_of_file(now), other = bytes_of_file(checkpoint("short"));
    ASSERT_EQ(train("out", {"--seed", std::to_string(to.size())}).status, 0);
    EXPECT_FALSE(fs::is_symlink(kept));
    EXPECT_EQ(bytes_of_file(kept), before) << to;
    EXPECT_EQ(bytes_of_file(checkpoint("short")), other);
  }
  // A checkpoint that was damaged beyond recognition, or another file, is set aside.
  const std::string before = bytes_of_file(kept);
  folder.write("out/deck.h5", "my notes");
  EXPECT_TRUE(contains(train("out").err, "deck.h5 is not a checkpoint, and will be renamed"));
  EXPECT_EQ(bytes_of_file(now + ".set-aside"), "my notes");
  EXPECT_EQ(bytes_of_file(kept), before);
}

TEST_F(RunFilesOfTheCommand, OfAFinishedRunAreNeitherReplacedNorMade) {
  ASSERT_EQ(train("out").status, 0);
  const auto before = contents();
  EXPECT_EQ(train("new", {"--resume", checkpoint("out")}).status, 0);
  EXPECT_EQ(contents(), before);
  EXPECT_FALSE(fs::exists(folder / "new"));
}

TEST_F(RunFilesOfTheCommand, FollowNoLinkThatSomebodyLeftForATemporaryFile) {
  folder.write("victim", "precious");
  fs::create_symlink("victim", folder / "x.h5.partial");
  ASSERT_EQ(run({"train", "deck.toml", "--checkpoint", "x.h5"}).status, 0);
  EXPECT_EQ(bytes_of_file(folder / "victim"), "precious");
  EXPECT_FALSE(fs::is_symlink(folder / "x.h5"));
  // A link to a regular file is followed and kept; a dangling link is an error.
  fs::create_symlink("target.h5", folder / "link.h5");
  expect_harmless({"train", "deck.toml", "--checkpoint", "link.h5"}, "leads nowhere");
  folder.write("target.h5", "");
  ASSERT_EQ(run({"train", "deck.toml", "--checkpoint", "link.h5"}).status, 0);
  EXPECT_TRUE(fs::is_symlink(folder / "link.h5"));
  EXPECT_EQ(training_of(folder / "target.h5"), training_of(folder / "x.h5"));
}

TEST_F(RunFilesOfTheCommand, AreFilesAndNothingThatWaits) {
  mkfifo((folder / "fifo").c_str(), 0600);
  ASSERT_EQ(train("out").status, 0);
  const Lines lines[] = {
      {"train", "fifo"},
      {"train", "deck.toml", "--resume", "fifo"},
      {"train", "deck.toml", "--init", "fifo"},
      {"train", "deck.toml", "--checkpoint", "fifo"},
      {"train", "deck.toml", "--set", "data={ kind = \"hdf5\", path = \"fifo\" }"},
      {"train", "deck.toml", "--set", "data={ kind = \"text\", path = \"fifo\", length = 3 }"},
      {"infer", "deck.toml", "--checkpoint", "fifo"},
      {"infer", "deck.toml", "--checkpoint", "out/deck.h5", "--input", "fifo", "--output", "o.h5"},
      {"roofline", "deck.toml", "--machine", "fifo"},
      {"roofline", "deck.toml", "--output", "fifo"},
      {"machine", "--output", "fifo"},
      {"study", "latency", "--output", "fifo"}};
  for (const Lines& line : lines) expect_harmless(line, "it is a FIFO, not a file");
  expect_harmless({"train", "/dev/zero"}, "/dev/zero: cannot read: it is a device, not a file");
  expect_harmless({"train", "deck.toml", "--checkpoint", "/dev/full"}, "it is a device");
  expect_harmless({"machine", "--output", "/dev/null"}, "it is a device");
}

TEST_F(RunFilesOfTheCommand, AreLockedAgainstASecondRun) {
  const Lines endless = {"--set", "train.epochs=1000000"};
  Command first(command_line(train_line("out", endless)));
  ASSERT_TRUE(first.wait_until([&] { return fs::exists(checkpoint("out")); }));
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  expect_refused(train("out"), checkpoint("out") + ": another run writes this checkpoint (host " +
                                   host + ", process " + std::to_string(first.process()) + ")");
  expect_refused(train("out", {"--resume", checkpoint("out")}), "another run writes");
  EXPECT_EQ(train("elsewhere").status, 0);
  EXPECT_EQ(train("out", {"--no-lock", "--set", "train.epochs=1"}).status, 0);
  first.send(SIGTERM);
  EXPECT_EQ(first.wait().status, 75);
  EXPECT_FALSE(fs::exists(checkpoint("out") + ".lock"));
  EXPECT_EQ(train("out", {"--set", "train.epochs=1"}).status, 0);
}

TEST_F(RunFilesOfTheCommand, LeftHalfWrittenByAKilledRunAreRemovedByTheNext) {
  fs::create_directory(folder / "out");
  for (const char* name : {"out/deck.h5.4711-0123abcd.partial", "out/deck-7.h5.1-ffffffff.partial",
                           "out/deck.h5.previous.7-01234567.partial", "out/deck.h5.mine.partial"}) {
    folder.write(name, "half");
  }
  folder.write("out/deck.h5.lock", "ridgeline lock: host elsewhere, process 4711\n");
  ASSERT_EQ(train("out").status, 0);
  std::string names;
  for (const auto& entry : std::set<fs::path>(fs::directory_iterator(folder / "out"), {})) {
    names += entry.filename().string() + " ";
  }
  EXPECT_EQ(names, "deck.h5 deck.h5.mine.partial deck.train.json ");
  EXPECT_EQ(train("new/deeper").status, 0);
}

TEST_F(RunFilesOfTheCommand, AWrongRequestLeavesNoFolderBehind) {
  fs::create_directory(folder / "there");
  expect_harmless({"train", "deck.toml", "--output", "new/deeper", "--set", "train.epochs=0"},
                  "train.epochs");
  expect_harmless({"train", "deck.toml", "--output", "new/deeper", "--kokkos-threads=0"},
                  "--kokkos-threads=0");
  expect_harmless({"train", "deck.toml", "--output", "there/deeper", "--kokkos-threads=0"},
                  "--kokkos-threads=0");
  io::Hdf5Writer other;
  other.write("/model/fc/weight", std::vector<float>{1});
  other.save(folder / "in.h5");
  for (const char* option : {"--init", "--resume"}) {
    expect_harmless({"train", "deck.toml", option, "in.h5", "--output", "new/deeper"}, "in.h5: ");
    expect_harmless({"train", "deck.toml", option, "in.h5", "--dry-run"}, "in.h5: ");
  }
  expect_harmless({"train", "deck.toml", "--stop-after", "abc", "--dry-run"}, "--stop-after: ");
  EXPECT_EQ(folder.listing(), "deck.toml in.h5 there");
  EXPECT_TRUE(fs::is_empty(folder / "there"));
}

TEST_F(RunFilesOfTheCommand, KeepTheLastCheckpointsAndResumeFromTheirFolder) {
  const Lines keep = {"--set", "checkpoint.keep=3", "--set", "checkpoint.every_steps=4"};
  ASSERT_EQ(train("whole", keep).status, 0);
  ASSERT_EQ(train("out", keep + Lines{"--set", "train.stop_after_steps=22"}).status, 0);
  const auto names = [&] {
    std::string list;
    for (const auto& entry : std::set<fs::path>(fs::directory_iterator(folder / "out"), {})) {
      list += entry.filename().string() + " ";
    }
    return list;
  };
  EXPECT_EQ(names(), "deck-16.h5 deck-20.h5 deck-22.h5 deck.h5 deck.train.json ");
  expect_refused(train("out", keep), "there are numbered checkpoints of an earlier run");
  // The newest two are damaged: the run resumes from the one before, with bitwise equal results.
  std::string bytes = bytes_of_file(folder / "out/deck-22.h5");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  for (const char* name : {"out/deck-22.h5", "out/deck.h5"}) {
    fs::remove(folder / name);
    folder.write(name, bytes.substr(0, bytes.size() - 50));
  }
  const CommandResult resumed = train("out", keep + Lines{"--resume", folder / "out"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.err, "warning: skipped " + (folder / "out/deck-22.h5: ")));
  EXPECT_TRUE(contains(resumed.err, "resuming from " + (folder / "out/deck-20.h5")));
  EXPECT_EQ(training_of(checkpoint("out")), training_of(checkpoint("whole")));
  // The damaged one is kept.
  EXPECT_EQ(
      names(),
      "deck-22.h5 deck-24.h5 deck-28.h5 deck-30.h5 deck.h5 deck.h5.previous deck.train.json ");
  expect_refused(train("out", keep + Lines{"--resume", folder / "out", "--set", "train.batch=32"}),
                 "out holds no other checkpoint to resume from");
}

TEST_F(RunFilesOfTheCommand, OfAnotherRunAreNotKeptNorRemoved) {
  const Lines keep = {"--set", "checkpoint.keep=2", "--set", "checkpoint.every_steps=4"};
  ASSERT_EQ(train("out", keep + Lines{"--seed", "5"}).status, 0);
  ASSERT_EQ(train("mine", {"--set", "train.stop_after_steps=12"}).status, 0);
  Lines more =
      Lines{"train", "deck.toml"} + keep + Lines{"--resume", checkpoint("mine"), "--output", "out"};
  expect_harmless(more, "out/deck-28.h5: checkpoint.keep would replace it");
  more.push_back("--dry-run");
  expect_harmless(more, "out/deck-28.h5: checkpoint.keep would replace it");
  // A link to data under the name of a checkpoint to come.
  fs::remove_all(folder / "out");
  fs::create_directory(folder / "out");
  fs::copy_file(case_path("hdf5/soft_link.h5"), folder / "data.h5");
  fs::create_symlink(folder / "data.h5", folder / "out/deck-16.h5");
  more.pop_back();
  expect_harmless(more, "out/deck-16.h5: checkpoint.keep would replace it");
}

TEST_F(RunFilesOfTheCommand, ACheckpointIsWrittenWhenTheTimeIsOver) {
  const Lines endless = {"--set", "train.epochs=1000000", "--set", "checkpoint.every_epochs=0"};
  const std::pair<std::string, Lines> runs[] = {{"option", {"--stop-after", "1s"}},
                                                {"deck", {"--set", "run.stop_after=1s"}}};
  for (const auto& [out, limit] : runs) {
    const CommandResult stopped = train(out, endless + limit);
    EXPECT_EQ(stopped.status, 75) << stopped.err;
    EXPECT_TRUE(contains(stopped.err,
                         "stopped at its time limit; resume with: " + std::string(kExecutable) +
                             " train " + deck + " --output " + (folder / out)));
    EXPECT_TRUE(contains(stopped.err, " --resume " + checkpoint(out) + "\n"));
    const std::int64_t epochs =
        io::Hdf5Reader(checkpoint(out)).integer_attribute("/state", "epoch") + 1;
    const Lines ends = {"--set", "train.epochs=" + std::to_string(epochs), "--set",
                        "checkpoint.every_epochs=0"};
    ASSERT_EQ(train(out, ends + Lines{"--resume", checkpoint(out)}).status, 0);
    ASSERT_EQ(train("whole", ends).status, 0);
    EXPECT_EQ(training_of(checkpoint(out)), training_of(checkpoint("whole")));
  }
  expect_refused(train("out", {"--stop-after", "24"}), "--stop-after: must be a duration");
}

TEST_F(RunFilesOfTheCommand, StopAfterStepsCountsTheStepsOfEachRun) {
  const Lines four = {"--set", "train.stop_after_steps=4"};
  ASSERT_EQ(train("out", four).status, 0);
  for (const std::int64_t step : {8, 12}) {
    ASSERT_EQ(train("out", four + Lines{"--resume", checkpoint("out")}).status, 0);
    EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "step"), step);
  }
}

TEST_F(RunFilesOfTheCommand, OfMoreOutputsThanClassesTrain) {
  folder.write("deck.toml", deck_with("units = 4", "units = 7"));
  ASSERT_EQ(train("out").status, 0);
  EXPECT_EQ(ridgeline({"infer", deck, "--checkpoint", checkpoint("out")}).status, 0);
}

}  // namespace
}  // namespace ridgeline::testing
