#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "miniapp/ridgeline.hpp"

// Runs that are stopped, killed and resumed, and threads: the bits never differ.

namespace ridgeline::testing {
namespace {

class TrainResumed : public CommandLineThatComputes {
 protected:
  void expect_same(const std::string& found, const std::string& expected) const {
    EXPECT_EQ(training_of(checkpoint(found)), training_of(checkpoint(expected)))
        << found << " and " << expected;
  }
};

Lines set(const std::string& text) { return {"--set", text}; }

TEST_F(TrainResumed, AnyNumberOfThreadsGivesTheSameBits) {
  ASSERT_EQ(train("one", {"--threads", "1"}).status, 0);
  const Lines runs[] = {{"two", "--threads", "2"}, {"three", "--threads", "3"}};
  for (const Lines& run : runs) {
    ASSERT_EQ(train(run[0], {run[1], run[2]}).status, 0);
    expect_same(run[0], "one");
  }
  for (const char* threads : {"1", "2", "3"}) {
    CommandOptions environment;
    environment.environment["OMP_NUM_THREADS"] = threads;
    ASSERT_EQ(train("environment", {}, environment).status, 0);
    expect_same("environment", "one");
  }
  ASSERT_EQ(ridgeline({"train", deck, "--output", folder / "serial", "--space", "serial"}).status,
            0);
  expect_same("serial", "one");
}

TEST_F(TrainResumed, AfterStopAfterStepsOnOtherThreadsGivesTheSameBits) {
  ASSERT_EQ(train("whole", {"--threads", "1"}).status, 0);
  const Lines verify = set("verify.metric=test_accuracy") + set("verify.at_least=1.5");
  const CommandResult first =
      train("part", set("train.stop_after_steps=13") + verify + Lines{"--threads", "2"});
  EXPECT_EQ(first.status, 0) << first.err;  // [verify] is not checked
  EXPECT_EQ(io::Hdf5Reader(checkpoint("part")).integer_attribute("/state", "step"), 13);
  EXPECT_FALSE(record("part").contains("verified"));
  const CommandResult second = train("part", {"--resume", checkpoint("part"), "--threads", "3"});
  EXPECT_EQ(second.status, 0) << second.err;
  expect_same("part", "whole");
  EXPECT_EQ(record("part").at("steps"), 30);
  EXPECT_EQ(record("part").at("history").at("test_accuracy").size(), 3u);
}

TEST_F(TrainResumed, MayRaiseTheEpochs) {
  ASSERT_EQ(train("long", set("train.epochs=5")).status, 0);
  ASSERT_EQ(train("short").status, 0);
  ASSERT_EQ(train("short", set("train.epochs=5") + Lines{"--resume", checkpoint("short")}).status,
            0);
  expect_same("short", "long");
}

TEST_F(TrainResumed, OfAFinishedRunSaysSoAndExitsZero) {
  ASSERT_EQ(train("out").status, 0);
  const std::string before = bytes_of_file(checkpoint("out"));
  const CommandResult again = train("out", {"--resume", checkpoint("out")});
  EXPECT_EQ(again.status, 0);
  EXPECT_TRUE(contains(again.err, "finished"));
  EXPECT_EQ(bytes_of_file(checkpoint("out")), before);
}

TEST_F(TrainResumed, RefusesAnotherNetworksCheckpointByFileAndLine) {
  ASSERT_EQ(train("out").status, 0);
  const std::string file = checkpoint("out"), before = bytes_of_file(file);
  const auto resume = [&](const std::string& text, const Lines& more = {}) {
    folder.write("deck.toml", text);
    return train("other", Lines{"--resume", file} + more);
  };
  expect_refused(resume(deck_with("units = 96", "units = 95")),
                 deck + ":11: network.layer.fc1.units is 95, but 96");
  expect_refused(resume(deck_with("name = \"fc1\"", "name = \"first\"")), deck + ":10: ");
  expect_refused(resume(deck_with("batch = 64", "batch = 32")), "train.batch is 32, but 64");
  expect_refused(resume(deck_with("momentum = 0.9", "momentum = 0.8")), "momentum is ");
  expect_refused(resume(kDeck, {"--seed", "2"}), "seed is 2, but 1");
  expect_refused(resume(kDeck, set("train.batch=16")), "--set train.batch: ");
  EXPECT_EQ(bytes_of_file(file), before);
  EXPECT_EQ(folder.listing(), "deck.toml out");
}

TEST_F(TrainResumed, RefusesWhatIsNoCheckpoint) {
  ASSERT_EQ(train("out").status, 0);
  const std::string bytes = bytes_of_file(checkpoint("out"));
  const std::string text = folder.write("text.h5", "no checkpoint");
  const std::string cut = folder.write("cut.h5", bytes.substr(0, bytes.size() / 2));
  for (const char* option : {"--resume", "--init"}) {
    expect_refused(train("other", {option, text, "--quiet"}), text + ": is not an HDF5 file");
    expect_refused(train("other", {option, cut, "--quiet"}), cut);
    expect_refused(train("other", {option, folder / "none.h5", "--quiet"}), folder / "none.h5");
    expect_refused(train("other", {option, folder.path(), "--quiet"}), folder.path());
  }
  expect_refused(ridgeline({"infer", deck, "--checkpoint", cut}), cut);
  expect_refused(ridgeline({"infer", deck, "--checkpoint", text}), text);
}

TEST_F(TrainResumed, InitTakesTheWeightsAlone) {
  ASSERT_EQ(train("first").status, 0);
  // A file with /model alone, as a script for PyTorch writes it.
  io::Hdf5Writer model;
  const io::Hdf5Reader from(checkpoint("first"));
  for (const std::string path :
       {"/model/fc1/weight", "/model/fc1/bias", "/model/fc2/weight", "/model/fc2/bias"}) {
    model.write(path, from.shape(path), from.read<float>(path).data());
  }
  model.save(folder / "model.h5");
  ASSERT_EQ(train("a", {"--init", checkpoint("first")}).status, 0);
  ASSERT_EQ(train("b", {"--init", folder / "model.h5"}).status, 0);
  expect_same("a", "b");
  EXPECT_NE(training_of(checkpoint("a")), training_of(checkpoint("first")));
  // It continues from there: the loss begins below the first loss of the first run.
  EXPECT_LT(record("a").at("history").at("train_loss")[0],
            record("first").at("history").at("train_loss")[0]);
}

TEST_F(TrainResumed, ASignalWritesACheckpointAndExits75) {
  // Never ends by itself; a checkpoint comes only from the signal.
  const Lines endless = set("train.epochs=1000000") + set("checkpoint.every_epochs=0");
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    const std::string out = "signal" + std::to_string(signal);
    Command command(command_line(train_line(out, endless)));
    ASSERT_TRUE(command.wait_until(
        [&] { return std::count(command.out().begin(), command.out().end(), '\n') > 3; }));
    command.send(signal);
    const CommandResult stopped = command.wait();
    EXPECT_EQ(stopped.status, 75) << stopped.err;
    EXPECT_TRUE(stopped.errors().empty());
    EXPECT_TRUE(contains(stopped.err, "--resume " + checkpoint(out)));
    EXPECT_FALSE(std::filesystem::exists(checkpoint(out) + ".partial"));

    const std::int64_t epochs =
        io::Hdf5Reader(checkpoint(out)).integer_attribute("/state", "epoch") + 1;
    const Lines ends =
        set("train.epochs=" + std::to_string(epochs)) + set("checkpoint.every_epochs=0");
    const CommandResult resumed = train(out, ends + Lines{"--resume", checkpoint(out)});
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    ASSERT_EQ(train("whole", ends).status, 0);
    expect_same(out, "whole");
  }
}

}  // namespace
}  // namespace ridgeline::testing
