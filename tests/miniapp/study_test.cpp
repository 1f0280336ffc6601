#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "miniapp/ridgeline.hpp"
#include "scaling_worker.hpp"

// The verb `study`: its output, files and errors.

namespace ridgeline::testing {
namespace {

using Studies = CommandLineThatComputes;

CommandResult study(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "study");
  return ridgeline(arguments);
}

TEST_F(Studies, WriteAFileAndPrintATable) {
  const std::string file = folder / "latency.json";
  const CommandResult result = study({"latency", "--from", "4KiB", "--to", "64KiB", "--quick",
                                      "--output", file, "--space", "serial"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "The claim: CPUs fetch small amounts quickly."));
  EXPECT_TRUE(contains(result.out, "a dependent load takes"));
  const io::Json json = io::read_json(file, "ridgeline-study");
  EXPECT_EQ(json.at("study"), "latency");
  EXPECT_EQ(json.at("complete"), true);
  EXPECT_EQ(json.at("settings").at("smallest_bytes"), 4096);
  EXPECT_EQ(json.at("settings").at("largest_bytes"), 65536);
  const io::Json table =
      io::Json::parse(study({"latency", "--to", "64KiB", "--quick", "--format", "json"}).out);
  EXPECT_TRUE(table.at(0).contains("capacity_bytes"));
}

TEST_F(Studies, SayThatThreadsAreNotBound) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  CommandOptions unbound;
  unbound.environment = {{"OMP_PROC_BIND", "false"}};
  for (const char* name : {"latency", "bandwidth"}) {
    const std::vector<std::string> line = {"study", name,    "--from", "16KiB",
                                           "--to",  "32KiB", "--quick"};
    EXPECT_TRUE(contains(ridgeline(line, unbound).err, "threads are not bound to processors"));
    std::vector<std::string> bound = line;
    bound.insert(bound.end(), {"--bind", "compact"});
    EXPECT_FALSE(contains(ridgeline(bound).err, "not bound")) << name;
  }
}

TEST_F(Studies, ScalingStartsItselfOncePerNumberOfThreads) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const std::string file = folder / "scaling.json";
  const CommandResult result = study({"scaling", "--quick", "--threads", "2", "--turns", "1",
                                      "--kinds", "dense", "--deck", deck, "--output", file});
  ASSERT_EQ(result.status, 0) << result.err;
  const io::Json json = io::read_json(file, "ridgeline-study");
  std::map<int, int> points;
  for (const io::Json& point : json.at("points")) ++points[point.at("threads").get<int>()];
  EXPECT_EQ(points.size(), 2u);
  EXPECT_EQ(points[1], points[2]);
  EXPECT_TRUE(contains(result.out, "2 threads make a step"));
}

TEST_F(Studies, ScalingsWorkerHandsItsErrorOn) {
  const CommandResult result = study({"scaling", "--worker", "2", "--kinds", "dens", "--no-decks"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "");
  const std::string error = io::Json::parse(result.out).at("error");
  EXPECT_EQ(error.find("--kinds: there is no layer dens to study"), 0u) << error;
}

TEST(ScalingWorker, GivesItsTimesOrTheReasonWhyThereAreNone) {
  const auto error_of = [](int status, const std::string& out, const std::string& err) {
    return testing::error_of(
        [&] {
          miniapp::times_of_worker({status, out, err}, 2);
        },
        Status::run_failed);
  };
  EXPECT_EQ(miniapp::times_of_worker({0, R"({"times": []})", ""}, 2).size(), 0u);
  EXPECT_EQ(error_of(2, R"({"error": "deck.toml: no such file"})", ""),
            "measuring with 2 threads failed (2): deck.toml: no such file");
  EXPECT_EQ(error_of(1, R"({"times": []})", "ridgeline: out of memory\nmore"),
            "measuring with 2 threads failed (1): ridgeline: out of memory");
  EXPECT_EQ(error_of(137, "", ""), "measuring with 2 threads failed (137): it printed no error");
  EXPECT_EQ(error_of(0, "[", ""), "measuring with 2 threads failed (0): it printed no error");
}

TEST_F(Studies, AnInterruptedOneWritesWhatItHas) {
  const std::string file = folder / "bandwidth.json";
  Command command(command_line({"study", "bandwidth", "--output", file, "--to", "64MiB"}));
  usleep(1500000);
  command.send(SIGINT);
  const CommandResult result = command.wait();
  EXPECT_EQ(result.status, 75) << result.err;
  EXPECT_TRUE(contains(result.err, "warning: stopped before its end"));
  const io::Json json = io::read_json(file, "ridgeline-study");
  EXPECT_EQ(json.at("complete"), false);
  EXPECT_GT(json.at("points").size(), 0u);
  EXPECT_EQ(folder.listing(), "bandwidth.json deck.toml");
}

TEST_F(Studies, AnInterruptedScalingEndsItsWorker) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const std::string file = folder / "scaling.json";
  Command command(
      command_line({"study", "scaling", "--output", file, "--threads", "2", "--deck", deck}));
  usleep(1500000);
  command.send(SIGTERM);  // to this process alone
  const CommandResult result = command.wait();
  EXPECT_EQ(result.status, 75) << result.err;
  EXPECT_EQ(io::read_json(file, "ridgeline-study").at("complete"), false);
  EXPECT_FALSE(contains(result.out, "inf"));
}

// A column of a table that has no value is null in JSON, and never a text.
void expect_numbers(const io::Json& rows, const std::vector<std::string>& texts) {
  ASSERT_FALSE(rows.empty());
  for (const io::Json& row : rows) {
    for (const auto& [key, value] : row.items()) {
      const bool is_text = std::find(texts.begin(), texts.end(), key) != texts.end();
      EXPECT_TRUE(value.is_null() || (is_text ? value.is_string() : value.is_number()))
          << key << " is " << value;
    }
  }
}

TEST_F(Studies, SayWhereTheyLookedForDecksAndFoundNone) {
  const std::vector<std::string> brief = {"study",
                                          "crossover",
                                          "--quick",
                                          "--kinds",
                                          "dense",
                                          "--widths",
                                          "16",
                                          "--batches",
                                          "1,2",
                                          "--machine",
                                          source_folder() + "/inputs/machines/h100-sxm.json",
                                          "--format",
                                          "json"};
  const auto run = [&](const std::string& program, const std::vector<std::string>& more) {
    CommandOptions here;
    here.folder = folder.path();
    return run_command(Lines{program} + brief + more, here);
  };
  const CommandResult nowhere = run(kExecutable, {"--output", "crossover.json"});
  ASSERT_EQ(nowhere.status, 0) << nowhere.err;
  const std::string none = "no decks: there is no folder inputs/ here; give --deck, or --no-decks";
  EXPECT_TRUE(contains(nowhere.err, "note: " + none + "\n"));
  EXPECT_EQ(io::read_json(folder / "crossover.json", "ridgeline-study").at("notes").at(0), none);
  EXPECT_FALSE(contains(run(kExecutable, {"--no-decks"}).err, "no decks"));
  std::filesystem::create_directory(folder / "inputs");
  EXPECT_TRUE(contains(run(kExecutable, {}).err, "note: no decks: inputs holds none; give --deck"));
  std::filesystem::remove(folder / "inputs");
  // The decks of an installation, found from the program's path.
  std::filesystem::create_directories(folder / "usr/share/ridgeline/inputs");
  std::filesystem::create_directories(folder / "usr/bin");
  std::filesystem::copy_file(kExecutable, folder / "usr/bin/ridgeline");
  folder.write("usr/share/ridgeline/inputs/mine.toml", kDeck);
  const CommandResult installed = run(folder / "usr/bin/ridgeline", {});
  ASSERT_EQ(installed.status, 0) << installed.err;
  EXPECT_FALSE(contains(installed.err, "no decks"));
  const io::Json rows = io::Json::parse(installed.out);
  expect_numbers(rows, {"what", "pass", "at"});
  EXPECT_EQ(rows.back().at("what"), "mine");
}

TEST_F(Studies, TablesForProgramsHaveNumbersWithUnits) {
  const auto rows = [&](std::vector<std::string> line) {
    line.insert(line.end(), {"--quick", "--format", "json", "--space", "serial"});
    const CommandResult result = study(line);
    EXPECT_EQ(result.status, 0) << result.err;
    return io::Json::parse(result.out);
  };
  const io::Json latency = rows({"latency", "--from", "4KiB", "--to", "64KiB"});
  expect_numbers(latency, {"space", "system_says"});
  // A disturbed first point belongs to no level.
  EXPECT_GE(latency.at(0).at("from_bytes"), 4096);
  EXPECT_LT(latency.at(0).at("from_bytes"), 65536);
  EXPECT_TRUE(latency.back().at("capacity_bytes").is_null());  // "end" in the table
  const io::Json bandwidth = rows({"bandwidth", "--from", "16KiB", "--to", "64KiB"});
  expect_numbers(bandwidth, {"space"});
  EXPECT_GT(bandwidth.at(0).at("triad_gbytes_per_second"), 0);
  EXPECT_TRUE(bandwidth.at(0).contains("from_bytes"));
  const io::Json dispatch = rows({"dispatch", "--from", "256", "--to", "64KiB"});
  expect_numbers(dispatch, {"space", "what"});
  for (const char* key :
       {"a_seconds", "b_bytes_per_second", "half_rate_measured_bytes", "fitted_up_to_bytes"}) {
    const io::Json& value = dispatch.back().at(key);
    // A fit that is not determined on a busy machine is null.
    EXPECT_TRUE(value.is_null() || value > 0) << key;
  }
}

TEST_F(Studies, ALayerWithoutWorkHasNoRatesInTheRooflinesTable) {
  const Lines line = {
      "roofline",  deck,
      "--machine", source_folder() + "/tests/fuzz/corpus/machine/serial.json",
      "--space",   "serial",
      "--repeats", "1",
      "--set",     "network.layer=[{ kind = \"flatten\" }, { kind = \"dense\", units = 4 }]"};
  const std::string file = folder / "a b.json";
  const CommandResult table = ridgeline(line + Lines{"--output", file});
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_TRUE(contains(table.err, "written to '" + file + "'\n"));
  EXPECT_TRUE(contains(table.out, " -\n"));  // a dash in the table
  const CommandResult result = ridgeline(line + Lines{"--format", "json"});
  ASSERT_EQ(result.status, 0) << result.err;
  const io::Json rows = io::Json::parse(result.out);
  expect_numbers(rows, {"layer", "phase", "bound", "largest_ceiling"});
  EXPECT_EQ(rows.at(0).at("layer"), "flatten1");
  for (const char* key : {"flops_per_byte", "gflops_per_second", "bound", "fraction_of_ceiling"}) {
    EXPECT_TRUE(rows.at(0).at(key).is_null()) << key;
  }
  EXPECT_GT(rows.at(1).at("gflops_per_second"), 0);
}

TEST_F(Studies, RefuseBoundsThatCannotBe) {
  const std::string file = folder / "out.json";
  expect_refused(study({}), "--help");
  expect_refused(study({"latencyy"}), "latencyy");
  expect_refused(study({"latency", "--from", "1MiB", "--to", "64KiB"}), "--from and --to");
  expect_refused(study({"latency", "--to", "1024TiB"}), "does not fit");
  expect_refused(study({"latency", "--to", "many"}), "--to");
  expect_refused(study({"bandwidth", "--to", "1024TiB"}), "does not fit");
  expect_refused(study({"bandwidth", "--threads", "1", "--thread-counts", "1,2"}),
                 "--thread-counts: 2 of 1 thread;");
  expect_refused(study({"dispatch", "--from", "1MiB", "--to", "1KiB"}), "--from and --to");
  expect_refused(study({"concurrency", "--loads", "64"}), "--loads: 64");
  expect_refused(study({"concurrency", "--working-set", "1"}), "--working-set: 1 B");
  expect_refused(study({"divergence", "--paths", "40"}), "--paths: 40");
  expect_refused(study({"divergence", "--array", "2"}), "--array: 2 B");
  expect_refused(study({"crossover", "--kinds", "softmax,attention", "--widths", "6,16"}),
                 "--widths: attention of width 6: heads must divide");
  expect_refused(study({"crossover", "--kinds", "dense", "--widths", "16,4000000"}),
                 "does not fit");
  io::write_json(folder / "other.json", {{"format", "ridgeline-machine"}, {"version", 1}});
  expect_refused(study({"crossover", "--machine", folder / "other.json"}), "has no spaces");
  std::filesystem::remove(folder / "other.json");
  expect_refused(study({"crossover", "--machine", "x", "--spaces", "serial,serial"}), "--spaces");
  expect_refused(study({"scaling", "--space", "serial"}), "scaling is over threads");
  expect_refused(study({"scaling", "--deck", deck, "--deck", deck}), "two decks are called deck");
  expect_refused(study({"crossover", "--kinds", "dens"}), "there is no layer dens");
  expect_refused(study({"crossover", "--spaces", "serial"}), "--spaces: must be two");
  expect_refused(study({"crossover", "--spaces", "serial,serial"}), "is one space twice");
  expect_refused(study({"crossover", "--deck", deck, "--no-decks"}), "--no-decks");
  expect_refused(study({"crossover", "--no-layers", "--no-decks"}), "neither layers nor decks");
  expect_refused(study({"crossover", "--machine", folder / "none.json"}), "none.json");
  expect_refused(study({"scaling", "--threads", "1"}), "more than one thread");
  expect_refused(study({"scaling", "--deck", folder / "none.toml"}), "none.toml");
  expect_refused(study({"latency", "--space", "bogus"}), "--space bogus");
  expect_refused(study({"latency", "--output", folder / "none/out.json"}), "none");
  if (has_space("openmp")) {
    expect_refused(study({"latency", "--threads", "4096"}),
                   "--threads: must be an integer from 1 to 512, not \"4096\"");
  }
  EXPECT_EQ(folder.listing(), "deck.toml");
}

}  // namespace
}  // namespace ridgeline::testing
