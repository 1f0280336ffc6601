#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <sstream>

#include "miniapp/ridgeline.hpp"

// The output, files and errors of `train`.

namespace ridgeline::testing {
namespace {

using Train = CommandLineThatComputes;

TEST_F(Train, WritesACheckpointAndARecordAndSaysHowItWent) {
  const CommandResult result = train("out");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(result.errors().empty());
  EXPECT_TRUE(contains(result.out, "epoch"));
  EXPECT_TRUE(contains(result.out, "figure of merit: "));
  EXPECT_TRUE(contains(result.err, "A small deck: 2404 parameters"));
  EXPECT_EQ(result.err.find('\r'), std::string::npos);  // a progress bar is for terminals
  EXPECT_TRUE(std::filesystem::exists(checkpoint("out")));
  for (const auto& entry : std::filesystem::directory_iterator(folder / "out")) {
    EXPECT_NE(entry.path().extension(), ".partial");
  }
}

TEST_F(Train, RecordHasTheContractsKeys) {
  ASSERT_EQ(train("out", {"--threads", "2"}).status, 0);
  const io::Json json = record("out");
  EXPECT_EQ(json.at("format"), "ridgeline-training");
  EXPECT_EQ(json.at("version"), 2);
  EXPECT_EQ(json.at("created").get<std::string>().size(), 20u);
  EXPECT_TRUE(contains(json.at("ridgeline_version").get<std::string>(), "("));
  const io::Json& machine = json.at("machine");
  for (const char* key :
       {"cpu_model", "gpu_model", "cores", "threads", "memory_bytes", "compiler", "flags",
        "kokkos_version", "kokkos_configuration", "thread_binding", "page_bytes", "clock_source"}) {
    EXPECT_TRUE(machine.contains(key)) << key;
  }
  EXPECT_EQ(machine.at("threads"), has_space("openmp") ? 2 : 1);
  EXPECT_EQ(json.at("parameters"), 2404);
  EXPECT_EQ(json.at("batch"), 64);
  EXPECT_EQ(json.at("steps"), 30);
  const io::Json& seconds = json.at("step_seconds");
  EXPECT_GT(seconds.at("min"), 0);
  EXPECT_LE(seconds.at("min"), seconds.at("median"));
  EXPECT_LE(seconds.at("median"), seconds.at("max"));
  EXPECT_GT(seconds.at("repeats"), 0);
  for (const char* metric : {"train_loss", "test_loss", "test_accuracy", "seconds"}) {
    EXPECT_EQ(json.at("history").at(metric).size(), 3u) << metric;
  }
  double sum = 0;
  std::string layers;
  for (const io::Json& share : json.at("shares")) {
    layers += share.at("layer").get<std::string>() + " ";
    sum += share.at("share").get<double>();
  }
  EXPECT_EQ(layers, "fc1 fc2 loss optimizer ");
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_GT(json.at("figure_of_merit"), 0);
  EXPECT_EQ(json.at("verified"), true);
}

TEST_F(Train, ARunTooShortForATimingHasNone) {
  ASSERT_EQ(train("out", {"--set", "train.stop_after_steps=9"}).status, 0);
  EXPECT_TRUE(record("out").at("step_seconds").is_null());
  EXPECT_TRUE(record("out").at("shares").empty());
}

TEST_F(Train, CheckpointAndRecordTellTheSameHistory) {
  ASSERT_EQ(train("out", {"--quiet"}).status, 0);
  const io::Hdf5Reader file(checkpoint("out"));
  EXPECT_EQ(file.read_text("/deck"), kDeck);
  for (const char* metric : {"train_loss", "test_loss", "test_accuracy", "seconds"}) {
    EXPECT_EQ(record("out").at("history").at(metric).get<std::vector<double>>(),
              file.read<double>(std::string("/history/") + metric));
  }
}

TEST_F(Train, QuietSaysNothingOnStandardError) { EXPECT_EQ(train("out", {"--quiet"}).err, ""); }

// Splits documents at blank lines.
std::vector<std::string> documents(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 2;
  }
  return parts;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

TEST_F(Train, TablesAreJsonOrCsvForPrograms) {
  const CommandResult json = train("out", {"--format", "json"});
  ASSERT_EQ(json.status, 0);
  const std::vector<std::string> tables = documents(json.out);
  ASSERT_EQ(tables.size(), 1u) << json.out;
  const io::Json epochs = io::Json::parse(tables[0]);
  ASSERT_EQ(epochs.size(), 3u);
  const io::Json history = record("out").at("history");
  // Numbers, or all three null on a machine whose energy cannot be read.
  const bool read = !record("out").at("energy_joules").is_null();
  EXPECT_EQ(record("out").at("power_watts").is_number(), read);
  EXPECT_EQ(record("out").at("energy_sources").is_array(), read);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(epochs[i].at("epoch"), i + 1);
    EXPECT_EQ(epochs[i].at("train_loss"), history.at("train_loss")[i]);
    EXPECT_EQ(epochs[i].at("test_accuracy"), history.at("test_accuracy")[i]);
  }

  const CommandResult csv = train("out", {"--format", "csv"});
  const std::vector<std::string> csv_tables = documents(csv.out);
  ASSERT_EQ(csv_tables.size(), 1u);
  std::vector<std::string> rows = split(csv_tables[0], '\n');  // lines end as in RFC 4180
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0], "epoch,train_loss,test_loss,test_accuracy,seconds,samples_per_second\r");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::vector<std::string> cells = split(rows[i], ',');
    ASSERT_EQ(cells.size(), 6u);
    EXPECT_EQ(cells[0], std::to_string(i));
    EXPECT_EQ(std::stod(cells[1]), history.at("train_loss")[i - 1].get<double>());
  }
}

TEST_F(Train, PutsFilesWhereTheyAreAskedFor) {
  ASSERT_EQ(train("a/b/out", {"--set", "checkpoint.path=model.h5"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "a/b/out/model.h5"));
  EXPECT_TRUE(std::filesystem::exists(folder / "a/b/out/model.train.json"));
  ASSERT_EQ(train("out", {"--checkpoint", folder / "elsewhere.h5"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "elsewhere.h5"));
  EXPECT_TRUE(std::filesystem::exists(folder / "out/elsewhere.train.json"));
  EXPECT_FALSE(std::filesystem::exists(checkpoint("out")));
}

TEST_F(Train, RecordsOfTwoDecksDoNotReplaceEachOther) {
  folder.write("second.toml", deck_with("samples = 640", "samples = 320"));
  ASSERT_EQ(train("out").status, 0);
  const std::string first = bytes_of_file(record_file("out"));
  ASSERT_EQ(ridgeline({"train", folder / "second.toml", "--output", folder / "out"}).status, 0);
  EXPECT_EQ(bytes_of_file(record_file("out")), first);
  EXPECT_EQ(io::read_json(folder / "out/second.train.json", "ridgeline-training").at("steps"), 15);
}

TEST_F(Train, SaysWhichFilesItLeaves) {
  CommandOptions here;
  here.folder = folder.path();
  const auto run = [&](const Lines& more) {
    return ridgeline(Lines{"train", "deck.toml", "--space", host_space()} + more, here);
  };
  const auto is_said = [](const CommandResult& result, const std::string& files) {
    EXPECT_TRUE(contains("\n" + result.err, "\nwritten to " + files + "\n")) << result.err;
  };
  is_said(run({}), "deck.h5, deck.train.json");
  is_said(run({}), "deck.h5, deck.train.json, deck.h5.previous");
  is_said(run({"--output", "my results", "--checkpoint", "it's.h5"}),
          "'it'\\''s.h5', 'my results/it'\\''s.train.json'");
  // A run that diverges writes only a record.
  const CommandResult diverged =
      run({"--output", "out", "--set", "train.optimizer.learning_rate=1e30"});
  expect_refused(diverged, "training diverged at step ", 1);
  is_said(diverged, "out/deck.train.json");
  // One that has ended already writes nothing.
  const CommandResult again = run({"--resume", "deck.h5"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.err.find("written to"), std::string::npos);
}

TEST_F(Train, TheHintToResumeIsQuotedForAShell) {
  CommandOptions here;
  here.folder = folder.path();
  const std::string set = "title=\"what's $new\"";
  const CommandResult stopped =
      ridgeline({"train", "deck.toml", "--output", "my results", "--stop-after", "1s", "--set", set,
                 "--set", "train.epochs=1000000", "--seed", "3"},
                here);
  ASSERT_EQ(stopped.status, 75) << stopped.err;
  const std::string begin = "; resume with: ";
  const std::size_t at = stopped.err.find(begin);
  ASSERT_NE(at, std::string::npos) << stopped.err;
  const std::string command =
      stopped.err.substr(at + begin.size(), stopped.err.find('\n', at) - at - begin.size());
  EXPECT_EQ(command, std::string(kExecutable) +
                         " train deck.toml --output 'my results' --stop-after 1s --set "
                         "'title=\"what'\\''s $new\"' --set train.epochs=1000000 --seed 3 "
                         "--resume 'my results/deck.h5'");
  const CommandResult resumed = shell(command + " --set train.stop_after_steps=1", here);
  EXPECT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.err, "resuming from my results/deck.h5"));
}

TEST_F(Train, TheHintToResumeReplacesWhatTheRunItselfBeganWith) {
  ASSERT_EQ(train("first").status, 0);
  const Lines endless = {"--set", "train.epochs=1000000", "--stop-after", "1s"};
  const auto hint = [&](const Lines& begin) {
    const CommandResult stopped = train("out", begin + endless);
    EXPECT_EQ(stopped.status, 75) << stopped.err;
    const std::string resume = "resume with: ";
    const std::string rest = stopped.err.substr(stopped.err.find(resume) + resume.size());
    return rest.substr(0, rest.find('\n'));
  };
  const std::string expected =
      std::string(kExecutable) + " train " + deck + " --output " + (folder / "out") + " --space " +
      host_space() + " --set train.epochs=1000000 --stop-after 1s --resume " + checkpoint("out");
  EXPECT_EQ(hint({"--init", checkpoint("first")}), expected);
  EXPECT_EQ(hint({"--resume=" + checkpoint("first")}), expected);
}

TEST_F(Train, SetSeedAndThreadsReachTheRun) {
  ASSERT_EQ(
      train("out", {"--set", "train.epochs=2", "--set", "train.batch=32", "--seed", "9"}).status,
      0);
  EXPECT_EQ(record("out").at("batch"), 32);
  EXPECT_EQ(record("out").at("steps"), 40);
  const io::Hdf5Reader file(checkpoint("out"));
  EXPECT_EQ(file.integer_attribute("/state", "seed"), 9);
  EXPECT_EQ(file.integer_attribute("/state", "epoch"), 2);
}

TEST_F(Train, KokkossOwnFlagsAreAcceptedInBothSpellings) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  for (const char* flag : {"--kokkos-threads=3", "--kokkos-num-threads=3"}) {
    const CommandResult result = train("out", {flag});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(record("out").at("machine").at("threads"), 3) << flag;
  }
  CommandOptions environment;
  environment.environment["OMP_NUM_THREADS"] = "2";
  ASSERT_EQ(train("out", {}, environment).status, 0);
  EXPECT_EQ(record("out").at("machine").at("threads"), 2);
  ASSERT_EQ(train("out", {"--threads", "1"}, environment).status, 0);
  EXPECT_EQ(record("out").at("machine").at("threads"), 1);  // the command line has precedence
}

TEST_F(Train, WithholdsTheFigureOfMeritWhereVerificationFails) {
  const std::vector<std::string> unreachable = {"--set", "verify.metric=test_accuracy", "--set",
                                                "verify.at_least=1.5"};
  const CommandResult missed = train("out", unreachable);
  expect_refused(missed, "test_accuracy is ", 1);
  EXPECT_TRUE(contains(missed.errors()[0], "at least 1.5"));
  EXPECT_EQ(missed.out.find("figure of merit"), std::string::npos);
  EXPECT_EQ(record("out").at("verified"), false);
  EXPECT_FALSE(record("out").contains("figure_of_merit"));
  EXPECT_TRUE(std::filesystem::exists(checkpoint("out")));  // the weights are kept

  const CommandResult loss =
      train("out", {"--set", "verify.metric=test_loss", "--set", "verify.at_most=0.0"});
  expect_refused(loss, "test_loss is ", 1);
  const CommandResult met =
      train("out", {"--set", "verify.metric=test_accuracy", "--set", "verify.at_least=0.1"});
  EXPECT_EQ(met.status, 0);
  EXPECT_EQ(record("out").at("verified"), true);
}

TEST_F(Train, AMissedVerificationOfADeckThatWasChangedIsANote) {
  expect_refused(train("out", {"--verify"}), "deck.toml: has no [verify], which --verify is for");
  folder.write("deck.toml", kDeck + "[verify]\nmetric = \"test_accuracy\"\nat_least = 1.5\n");
  expect_refused(train("out"), "test_accuracy is ", 1);
  expect_refused(train("out", {"--set", "checkpoint.every_steps=7"}), "test_accuracy is ", 1);
  expect_refused(train("out", {"--set", "train.epochs=3"}), "test_accuracy is ",
                 1);  // without overrides
  for (const Lines& change : {Lines{"--set", "train.epochs=2"}, Lines{"--seed", "7"}}) {
    const CommandResult result = train("out", change);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(result.errors().empty()) << result.err;
    EXPECT_TRUE(contains(result.err, "asks for at least 1.5; this is not a failure"));
    EXPECT_TRUE(contains(result.out, "figure of merit: "));
    EXPECT_TRUE(record("out").at("verified").is_null());
    EXPECT_GT(record("out").at("figure_of_merit"), 0);
    EXPECT_FALSE(contains(train("out", change + Lines{"--quiet"}).err, "asks for"));
    expect_refused(train("out", change + Lines{"--verify"}), "asks for at least 1.5", 1);
    EXPECT_EQ(record("out").at("verified"), false);
    EXPECT_FALSE(record("out").contains("figure_of_merit"));
  }
  // A bound that is met is still verified.
  folder.write("deck.toml", kDeck + "[verify]\nmetric = \"test_accuracy\"\nat_least = 0.1\n");
  EXPECT_EQ(train("out", {"--set", "train.epochs=2"}).status, 0);
  EXPECT_EQ(record("out").at("verified"), true);
}

TEST_F(Train, VerifiesTheBestEpochOfAnEarlyStop) {
  // From the third epoch on, the rate is much too high.
  const std::string spoiled =
      deck_with("epochs = 3",
                "epochs = 4\nschedule = { kind = \"step\", every = 2, factor = 100 }\n"
                "early_stop = { metric = \"test_loss\", patience = 4 }");
  folder.write("deck.toml", spoiled);
  const CommandResult result = train("out");
  ASSERT_EQ(result.status, 0) << result.err;
  const io::Json json = record("out");
  const std::vector<double> losses = json.at("history").at("test_loss");
  const double best = *std::min_element(losses.begin(), losses.end());
  const std::size_t epoch = json.at("best_epoch");
  ASSERT_LT(epoch, losses.size());  // otherwise the test has no subject
  EXPECT_EQ(losses[epoch - 1], best);
  EXPECT_TRUE(contains(result.err, "the checkpoint holds the weights of epoch " +
                                       std::to_string(epoch) + ", whose test_loss was best"));
  const CommandResult infer = ridgeline({"infer", deck, "--checkpoint", checkpoint("out"),
                                         "--space", host_space(), "--format", "json"});
  EXPECT_EQ(io::Json::parse(infer.out).at(0).at("test_loss"), best);
  // Between the best and the last value: the best meets it.
  const double bound = (best + losses.back()) / 2;
  folder.write("deck.toml", spoiled + "[verify]\nmetric = \"test_loss\"\nat_most = " +
                                std::to_string(bound) + "\n");
  EXPECT_EQ(train("out").status, 0);
  EXPECT_EQ(record("out").at("verified"), true);
}

TEST_F(Train, ReportsDivergenceAndOverwritesNoCheckpoint) {
  ASSERT_EQ(train("out").status, 0);
  const std::string before = bytes_of_file(checkpoint("out"));
  for (const char* rate : {"1e30", "1e5", "3e38"}) {
    const CommandResult result =
        train("out", {"--set", std::string("train.optimizer.learning_rate=") + rate, "--set",
                      "train.epochs=20"});
    if (result.status == 0) continue;  // a network of dead units has a finite loss
    expect_refused(result, "training diverged at step ", 1);
    EXPECT_TRUE(contains(result.errors()[0], "forward: output is not finite"));
    EXPECT_TRUE(contains(result.errors()[0], "no checkpoint was written before"));
    EXPECT_EQ(result.out.find("figure of merit"), std::string::npos);
    EXPECT_EQ(bytes_of_file(checkpoint("out")), before) << rate;
  }
  expect_refused(train("out", {"--set", "train.optimizer.learning_rate=1e30"}), "finite", 1);
}

TEST_F(Train, RefusesAnOutputThatCannotBeWrittenBeforeAnyWork) {
  const std::string file = folder.write("file", "precious");
  expect_refused(train("file"), folder / "file");
  expect_refused(train("file/deeper"), folder / "file/deeper");
  expect_refused(ridgeline({"train", deck, "--output", "/proc/ridgeline"}), "/proc/ridgeline");
  expect_refused(train("out", {"--checkpoint", folder / "missing/model.h5"}),
                 "missing does not exist");
  expect_refused(train("out", {"--checkpoint", folder.path()}), "it is a folder");
  EXPECT_EQ(bytes_of_file(file), "precious");
  EXPECT_EQ(folder.listing(), "deck.toml file");
}

TEST_F(Train, AFullDiskIsOneErrorAndHarmsNothing) {
  ASSERT_EQ(train("out").status, 0);
  const std::string before = bytes_of_file(checkpoint("out"));
  const std::string record_before = bytes_of_file(record_file("out"));
  CommandOptions small;
  small.largest_file = before.size() / 3;
  expect_refused(train("out", {}, small), "deck.h5: cannot write: ", 1);
  EXPECT_EQ(bytes_of_file(checkpoint("out")), before);
  EXPECT_EQ(bytes_of_file(record_file("out")), record_before);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "out")) {
    EXPECT_NE(entry.path().extension(), ".partial");
  }
  expect_refused(train("out", {"--checkpoint", "/dev/full"}),
                 "/dev/full: cannot write: it is a device, not a file");
}

}  // namespace
}  // namespace ridgeline::testing
