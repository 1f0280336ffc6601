#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "io/layout.hpp"
#include "miniapp/ridgeline.hpp"

// The output of `roofline` and `machine` if quantities are absent or a signal stops them.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

using RooflineFiles = CommandLineThatComputes;

// The command, ended by a signal while it measures.
CommandResult stopped(const Lines& line) {
  Command command(command_line(line));
  usleep(1500000);
  command.send(SIGTERM);
  return command.wait();
}

TEST_F(RooflineFiles, OfManyBatchesFit80ColumnsAsTables) {
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  const Lines line = {"roofline", deck,      "--machine",  machine,   "--repeats",
                      "2",        "--space", host_space(), "--batch", "1,2,3,4,5"};
  const CommandResult result = ridgeline(line);
  ASSERT_EQ(result.status, 0) << result.err;
  std::istringstream lines(result.out);
  for (std::string text; std::getline(lines, text);) {
    EXPECT_LE(io::display_width(text), 80u) << text;
  }
  for (const char* batch : {"batch 1", "batch 2", "batch 5"}) {
    EXPECT_TRUE(contains(result.out, batch)) << result.out;
  }
  EXPECT_FALSE(contains(result.out, "of it, of it")) << result.out;
  // csv and json have one table.
  const CommandResult csv = ridgeline(line + Lines{"--format", "csv"});
  EXPECT_TRUE(contains(csv.out, "batch_5_fraction_of_ceiling")) << csv.out;
}

TEST_F(RooflineFiles, AViewHasDashesWithOneBatchAndWithSeveral) {
  folder.write("deck.toml", deck_with("[[network.layer]]",
                                      "[[network.layer]]\nkind = \"flatten\"\n"
                                      "[[network.layer]]"));
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  const std::pair<const char*, int> least[] = {{"1", 2}, {"1,2", 4}};  // bound and explained part
  for (const auto& [batches, dashes] : least) {
    const CommandResult result = ridgeline({"roofline", deck, "--machine", machine, "--repeats",
                                            "2", "--space", host_space(), "--batch", batches});
    ASSERT_EQ(result.status, 0) << result.err;
    const std::size_t at = result.out.find("\nflatten1 ");
    ASSERT_NE(at, std::string::npos) << result.out;
    std::istringstream row(result.out.substr(at, result.out.find('\n', at + 1) - at));
    int found = 0;
    for (std::string word; row >> word;) found += word == "-";
    EXPECT_GE(found, dashes) << result.out;
  }
}

TEST_F(RooflineFiles, AreShownEvenIfTheyCannotBeWritten) {
  CommandOptions options;
  const CommandResult result = shell(
      "ulimit -f 0; exec $R roofline " + deck + " --repeats 2 --space " + host_space() +
          " --machine " + source_folder() + "/docs/results/h200-16-cores/machine.json --output " +
          (folder / "roofline.json") + " | cat",
      options);
  EXPECT_TRUE(contains(result.out, "end to end")) << result.out << result.err;
  EXPECT_TRUE(contains(result.err, "ridgeline: ")) << result.err;
  EXPECT_FALSE(fs::exists(folder / "roofline.json"));
}

TEST_F(RooflineFiles, SayThatARoofOfADataSheetIsUnknown) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const std::string machine = folder / "cpu.json", file = folder / "roofline.json";
  const Lines line = {"roofline", deck,        "--machine", machine,   "--output",
                      file,       "--repeats", "1",         "--space", "openmp"};
  const std::string cpu = "name=A CPU,kind=cpu,source=x,cores=4,";
  ASSERT_EQ(
      ridgeline({"machine", "--from-datasheet", cpu + "peak32=1e3", "--output", machine}).status,
      0);
  CommandResult result = ridgeline(line);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(unwrapped(result.out),
                       "4 threads: peak 1000 GFLOP/s, main memory unknown; ridge unknown"))
      << result.out;
  io::Json json = io::read_json(file, "ridgeline-roofline");
  EXPECT_DOUBLE_EQ(json.at("ceilings").at("peak_gflops").get<double>(), 1000);
  EXPECT_TRUE(json.at("ceilings").at("memory_gbytes_per_second").is_null());
  EXPECT_TRUE(json.at("ceilings").at("ridge_flops_per_byte").is_null());
  for (const io::Json& record : json.at("records")) {
    EXPECT_TRUE(record.at("largest_ceiling").is_null());
  }
  ASSERT_EQ(
      ridgeline({"machine", "--from-datasheet", cpu + "bandwidth=100", "--output", machine}).status,
      0);
  result = ridgeline(line);
  EXPECT_TRUE(
      contains(unwrapped(result.out), "peak unknown, main memory 100.0 GB/s; ridge unknown"))
      << result.out;
  json = io::read_json(file, "ridgeline-roofline");
  EXPECT_TRUE(json.at("ceilings").at("peak_gflops").is_null());
}

TEST_F(RooflineFiles, OfSeveralBatchesHaveBatchesAfterTheFirstWasStoppedToo) {
  const std::string file = folder / "roofline.json";
  const CommandResult result = stopped(
      {"roofline", deck, "--machine", source_folder() + "/docs/results/h200-16-cores/machine.json",
       "--space", host_space(), "--batch", "1,8", "--repeats", "1000000", "--output", file});
  EXPECT_EQ(result.status, 75) << result.err;
  const io::Json json = io::read_json(file, "ridgeline-roofline");
  EXPECT_LE(json.at("batches").size(), 1u);
  EXPECT_FALSE(json.contains("records"));
}

TEST_F(RooflineFiles, OfAMachineNameThePagesAndStoresOfEachFigure) {
  const CommandResult result = stopped({"machine", "--quick", "--format", "csv"});
  EXPECT_EQ(result.status, 75) << result.err;
  EXPECT_EQ(result.out.substr(0, result.out.find('\r')),
            "space,quantity,where,threads,pages,stores,value,unit");
}

}  // namespace
}  // namespace ridgeline::testing
