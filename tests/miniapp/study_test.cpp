#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "miniapp/ridgeline.hpp"

// The verb `study`: what it prints, writes and refuses.

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
    EXPECT_FALSE(contains(ridgeline(line).err, "not bound")) << name;
  }
}

TEST_F(Studies, ScalingStartsItselfOnceANumberOfThreads) {
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
  command.send(SIGTERM);  // to it alone
  const CommandResult result = command.wait();
  EXPECT_EQ(result.status, 75) << result.err;
  EXPECT_EQ(io::read_json(file, "ridgeline-study").at("complete"), false);
  EXPECT_FALSE(contains(result.out, "inf"));
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
                 "--thread-counts: 2 of 1 threads");
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
