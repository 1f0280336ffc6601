#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "miniapp/ridgeline.hpp"

// `machine --from-datasheet`, its files in inputs/machines, and the verbs that read them.

namespace ridgeline::testing {
namespace {

using Datasheets = CommandLine;
using DatasheetsRead = CommandLineThatComputes;

CommandResult sheet(const std::string& items, const Lines& more = {}) {
  return ridgeline(Lines{"machine", "--from-datasheet", items} + more);
}

const std::string kGpu = "name=A GPU,kind=gpu,source=its data sheet, second edition,peak32=67e3";

TEST_F(Datasheets, DescribeTheirMachineAndNotThisOne) {
  const std::string file = folder / "gpu.json";
  const CommandResult result =
      sheet(kGpu + ",bandwidth=3350,memory=80e9,cores=132", {"--output", file});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(contains(result.err, "nothing was measured"));
  const io::Json json = io::read_json(file, "ridgeline-machine");
  EXPECT_EQ(json.at("version"), 2);
  EXPECT_EQ(json.at("measured"), false);
  EXPECT_EQ(json.at("source"), "its data sheet, second edition");
  EXPECT_EQ(json.at("datasheet").at("peak32"), 67e3);
  EXPECT_EQ(json.at("machine").at("gpu_model"), "A GPU");
  EXPECT_EQ(json.at("machine").at("gpu_memory_bytes"), 80e9);
  for (const char* key : {"hostname", "cpu_model", "cores", "memory_bytes"}) {
    EXPECT_TRUE(json.at("machine").at(key).is_null()) << key;
  }
  ASSERT_EQ(json.at("spaces").size(), 1u);
  const io::Json& space = json.at("spaces").at("cuda");
  EXPECT_EQ(space.at("peak_gflops"), io::Json({{"float32", 67e3}}));
  EXPECT_EQ(space.at("bandwidth").size(), 1u);
  EXPECT_EQ(space.at("bandwidth")[0].at("gbytes_per_second"), 3350);
  for (const char* absent : {"dispatch", "latency", "transfer"}) {
    EXPECT_TRUE(space.at(absent).empty()) << absent;
  }
  EXPECT_EQ(folder.listing(), "deck.toml gpu.json");
  // Without --output on standard output, and a cache has its own rate.
  const io::Json printed = io::Json::parse(
      sheet("name=A CPU,kind=cpu,source=x,bandwidth=460,cache=1e6,cache_bandwidth=2000,launch_us=3")
          .out);
  const io::Json& cpu = printed.at("spaces").at("openmp");
  EXPECT_EQ(printed.at("machine").at("cpu_model"), "A CPU");
  EXPECT_EQ(cpu.at("bandwidth")[0].at("working_set_bytes"), 1e6);
  EXPECT_EQ(cpu.at("bandwidth")[1].at("working_set_bytes"), 2e6);
  EXPECT_DOUBLE_EQ(cpu.at("dispatch").at("empty_kernel").at("min").get<double>(), 3e-6);
  EXPECT_EQ(io::Json::parse(sheet(kGpu + ", bandwidth=1").out).at("datasheet").at("bandwidth"), 1);
  EXPECT_EQ(io::Json::parse(sheet("name=A,kind=gpu,peak32=1,source=Table 2, TDP = 700 W").out)
                .at("source"),
            "Table 2, TDP = 700 W");
  EXPECT_EQ(io::Json::parse(sheet(kGpu + ",space=hip").out).at("spaces").count("hip"), 1u);
}

TEST_F(Datasheets, ThatAreWrongAreRefused) {
  const auto refused = [&](const std::string& items, const std::string& part) {
    expect_refused(sheet(items, {"--output", folder / "gpu.json"}), part);
  };
  refused(kGpu + ",bandwith=3350", "there is no key \"bandwith\"; did you mean bandwidth?");
  refused(kGpu + ", bandwith=3350", "there is no key \"bandwith\"; did you mean bandwidth?");
  refused(kGpu + ",Bandwidth=3350", "there is no key \"Bandwidth\"; did you mean bandwidth?");
  expect_refused(sheet(kGpu, {"--format", "csv"}), "--format: csv");
  refused(kGpu + ",bandwidth=fast", "bandwidth=fast must be a number from 1e-6 to 1e18, in GB/s");
  for (const char* value : {"0", "-3", "nan", "inf", "3TB", "1e999", "0x10"}) {
    refused(kGpu + ",bandwidth=" + value, "must be a number from 1e-6 to 1e18");
  }
  refused(kGpu + ",cores=1.5", "cores=1.5 must be a whole number of cores");
  refused(kGpu + ",peak32=1", "peak32 is given twice");
  refused(kGpu + ",bandwidth=", "bandwidth is empty");
  refused("67e3", "there is no key \"67e3\"");
  refused("name", "name has no value");
  refused("name=A,source=x,peak32=1", "needs kind=");
  refused("kind=gpu,source=x,peak32=1", "needs name=");
  refused("name=A,kind=gpu,peak32=1", "needs source=");
  refused("name=A,kind=gpu,source=x,memory=1", "needs a rate");
  refused("name=A,kind=tpu,source=x,peak32=1", "kind=tpu; must be one of gpu, cpu");
  refused("name=A,kind=cpu,space=cuda,source=x,peak32=1", "space=cuda is not one of a cpu");
  refused(kGpu + ",space=openmp", "space=openmp is not one of a gpu");
  refused(kGpu + ",space=sycl", "space=sycl; must be one of cuda, hip, openmp");
  refused(kGpu + ",cache_bandwidth=3", "cache_bandwidth needs cache");
  refused("name=A\nB,kind=gpu,source=x,peak32=1", "plain text");
  expect_refused(sheet(kGpu, {"--quick"}), "--quick");
  expect_refused(sheet(kGpu, {"--output", folder / "none/gpu.json"}), "none");
  EXPECT_EQ(folder.listing(), "deck.toml");
}

std::vector<std::string> committed() {
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_folder() + "/inputs/machines")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST_F(Datasheets, InInputsAreWhatTheirCommandsMake) {
  ASSERT_EQ(committed().size(), 5u);
  for (const std::string& path : committed()) {
    SCOPED_TRACE(path);
    io::Json json = io::read_json(path, "ridgeline-machine");
    EXPECT_EQ(json.at("measured"), false);
    EXPECT_GT(json.at("source").get<std::string>().size(), 20u);
    Lines line = json.at("command").get<Lines>();
    ASSERT_GT(line.size(), 3u);
    line.erase(line.begin());
    const auto output = std::find(line.begin(), line.end(), "--output");
    ASSERT_TRUE(output != line.end() && output + 1 != line.end());
    EXPECT_EQ(source_folder() + "/" + *(output + 1), path);
    *(output + 1) = folder / "again.json";
    ASSERT_EQ(ridgeline(line).status, 0);
    io::Json again = io::read_json(folder / "again.json", "ridgeline-machine");
    for (io::Json* file : {&json, &again}) {
      for (const char* key : {"created", "ridgeline_version", "command", "job"}) file->erase(key);
    }
    EXPECT_EQ(again, json);
  }
}

TEST_F(DatasheetsRead, BoundNothingWhereAQuantityIsAbsent) {
  const std::string machine = folder / "cpu.json", file = folder / "roofline.json";
  const std::string cpu =
      "name=A CPU,kind=cpu,source=x,peak32=1e3,bandwidth=100,space=openmp,cores=4";
  ASSERT_EQ(sheet(cpu, {"--output", machine}).status, 0);
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const CommandResult result = ridgeline({"roofline", deck, "--machine", machine, "--output", file,
                                          "--repeats", "3", "--space", "openmp"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "is another machine's file"));
  const io::Json json = io::read_json(file, "ridgeline-roofline");
  for (const io::Json& record : json.at("records")) {
    EXPECT_TRUE(record.at("bound").is_null());
    EXPECT_GT(record.at("ceiling_seconds"), 0);
  }
  ASSERT_EQ(sheet(cpu + ",launch_us=2", {"--output", machine}).status, 0);
  ASSERT_EQ(ridgeline({"roofline", deck, "--machine", machine, "--output", file, "--repeats", "3",
                       "--space", "openmp"})
                .status,
            0);
  for (const io::Json& record : io::read_json(file, "ridgeline-roofline").at("records")) {
    EXPECT_TRUE(record.at("bound").is_string());
  }
}

TEST_F(DatasheetsRead, AreComparedInACrossoverAtBestAndAsExpected) {
  const std::string file = folder / "crossover.json";
  const CommandResult result =
      ridgeline({"study", "crossover", "--quick", "--kinds", "dense", "--widths", "16,64",
                 "--batches", "1,4", "--deck", deck, "--machine",
                 source_folder() + "/inputs/machines/mi300x.json", "--output", file});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* title : {"here", "expected", "batch from"}) {
    EXPECT_TRUE(contains(result.out, title)) << result.out;
  }
  EXPECT_TRUE(contains(result.out, "expected (not measured): "));
  // Of a single deck every batch has a row.
  for (const char* batch : {"inference      batch 1", "inference      batch 4"}) {
    EXPECT_TRUE(contains(result.out, batch)) << result.out;
  }
  EXPECT_TRUE(contains(result.err, "has no cost of a launch"));
  EXPECT_TRUE(contains(result.err, "\"here\" was measured, on "));
  const io::Json json = io::read_json(file, "ridgeline-study");
  EXPECT_TRUE(contains(unwrapped(result.out), "the AMD Instinct MI300X is faster")) << result.out;
  EXPECT_EQ(json.at("settings").at("second_file"),
            source_folder() + "/inputs/machines/mi300x.json");
  EXPECT_EQ(json.at("settings").at("second_is_measured"), false);
  EXPECT_EQ(json.at("settings").at("second_machine").at("gpu_model"), "AMD Instinct MI300X");
  ASSERT_GT(json.at("points").size(), 0u);
  for (const io::Json& point : json.at("points")) {
    const io::Json& eager = point.at("eager");
    EXPECT_GT(eager.at("second_expected_seconds"), eager.at("second_ceiling_seconds"));
  }
}

TEST_F(DatasheetsRead, LeaveOutDecksOfAPrecisionThatTheyLack) {
  const std::string file = folder / "sheet.json";
  ASSERT_EQ(ridgeline({"machine", "--output", file, "--from-datasheet",
                       "name=A,kind=gpu,source=x,peak32=1e4,bandwidth=1000"})
                .status,
            0);
  const Lines line = {"study", "crossover", "--quick", "--no-layers", "--batches",
                      "1,2",   "--deck",    deck,      "--machine",   file};
  EXPECT_EQ(ridgeline(line).status, 0);
  expect_refused(ridgeline(line + Lines{"--set", "network.precision='float64'"}),
                 "sheet.json: has no peak_gflops.float64");
  const CommandResult layers =
      ridgeline({"study", "crossover", "--quick", "--kinds", "dense", "--widths", "8", "--batches",
                 "1,2", "--deck", deck, "--set", "network.precision='float64'", "--machine", file});
  EXPECT_EQ(layers.status, 0) << layers.err;
  EXPECT_TRUE(contains(layers.err, "leaving out deck: ")) << layers.err;
}

}  // namespace
}  // namespace ridgeline::testing
