#include "machine/machine.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "machine/description.hpp"
#include "model/ceilings.hpp"
#include "support/runtime.hpp"

namespace {

using ridgeline::SpaceKind;
using ridgeline::io::Json;
using ridgeline::machine::MachineOptions;

class MachineFile : public ridgeline::testing::Computing {};

MachineOptions smallest() {
  MachineOptions options = MachineOptions::standard(true);
  options.latency.largest = options.latency.smallest;
  options.latency.min_seconds = 0;
  options.latency.loads = 1000;
  for (auto* bandwidth : {&options.bandwidth, &options.bandwidth_one_thread}) {
    bandwidth->largest = 32 << 10;
    bandwidth->min_seconds = 0;
  }
  options.chain.smallest_arena = options.chain.largest_arena = 64 << 10;
  options.chain.largest_beyond_caches = 0;
  options.chain.min_seconds = 0;
  options.bandwidth_other_counts = options.bandwidth;
  options.transfer.largest = 8;
  options.transfer.min_seconds = 0;
  options.work.kernels.cases.resize(1);
  options.work.kernels.min_seconds = 0;
  options.work.fork_join_seconds = {1e-6};
  for (auto* each :
       {&options.peak, &options.dispatch, &options.work.peaks, &options.work.fork_join}) {
    each->min_repeats = 2;
    each->min_seconds = 0;
    each->warm_up_seconds = 0;
  }
  return options;
}

void expect_timing(const Json& timing) {
  for (const char* key : {"min", "median", "max", "repeats"}) {
    ASSERT_TRUE(timing.contains(key)) << timing.dump();
    EXPECT_TRUE(timing[key].is_number());
  }
}

TEST_F(MachineFile, HasEveryKeyOfTheContractForEverySpace) {
  const Json file = to_json(ridgeline::machine::measure_machine(smallest()));
  EXPECT_EQ(file["format"], "ridgeline-machine");
  EXPECT_EQ(file["version"], 2);
  EXPECT_TRUE(file["created"].is_string());
  EXPECT_TRUE(file["ridgeline_version"].is_string());
  EXPECT_TRUE(file["model_id"].is_string());
  EXPECT_TRUE(file["isa"].is_array());
  EXPECT_EQ(file["quiet"], !file["disturbed"]["alarm"].get<bool>());
  for (const char* pulse : {"arithmetic", "stream"}) EXPECT_GT(file["pulse"][pulse], 0);
  EXPECT_EQ(file["pulse"]["exchange"].is_number(), file["machine"]["threads"] > 1);
  for (const SpaceKind kind : ridgeline::built_spaces()) {
    const std::string name = to_string(kind);
    ASSERT_TRUE(file["spaces"].contains(name));
    const Json& space = file["spaces"][name];
    EXPECT_GE(space["concurrency"], 1);
    EXPECT_GT(space["peak_gflops"]["float32"], 0);
    EXPECT_GT(space["peak_gflops"]["float64"], 0);
    ASSERT_FALSE(space["bandwidth"].empty());
    for (const Json& point : space["bandwidth"]) {
      EXPECT_TRUE(point["kernel"].is_string());
      EXPECT_GT(point["working_set_bytes"], 0);
      EXPECT_GE(point["threads"], 1);
      EXPECT_GT(point["gbytes_per_second"], 0);
    }
    ASSERT_FALSE(space["latency"].empty());
    for (const Json& point : space["latency"]) {
      EXPECT_GT(point["working_set_bytes"], 0);
      EXPECT_TRUE(point["pages"].is_string());
      expect_timing(point["seconds"]);
    }
    for (const char* key : {"empty_kernel", "empty_kernel_fenced", "reduction"}) {
      expect_timing(space["dispatch"][key]);
    }
    ASSERT_FALSE(space["peaks"].empty());
    for (const Json& point : space["peaks"]) {
      EXPECT_TRUE(point["precision"].is_string() && point["kernel"].is_string());
      EXPECT_GE(point["threads"], 1);
      EXPECT_GT(point["gflops"], 0);
      expect_timing(point["seconds"]);
    }
    ASSERT_FALSE(space["kernels"].empty());
    for (const Json& point : space["kernels"]) {
      EXPECT_TRUE(point["class"].is_string() && point["precision"].is_string());
      EXPECT_TRUE(point["shape"].is_object());
      EXPECT_GE(point["threads"], 1);
      expect_timing(point["seconds"]);
    }
    EXPECT_EQ(space.contains("fork_join"), kind != SpaceKind::cuda);
    EXPECT_EQ(space.contains("transfer"), kind == SpaceKind::cuda);
    // The file can be read as ceilings.
    const ridgeline::model::Ceilings ceilings(file, "machine.json", name, "float64");
    EXPECT_GT(ceilings.bandwidth(1e6), 0);
    EXPECT_GT(ceilings.dispatch_seconds(), 0);
  }
}

TEST_F(MachineFile, HoldsTheSpacesAskedForAlone) {
  MachineOptions options = smallest();
  options.spaces = {SpaceKind::serial};
  const Json file = to_json(ridgeline::machine::measure_machine(options));
  EXPECT_EQ(file["spaces"].size(), 1u);
  EXPECT_TRUE(file["spaces"].contains("serial"));
}

TEST_F(MachineFile, ProgressIsReported) {
  MachineOptions options = smallest();
  options.spaces = {SpaceKind::serial};
  std::vector<std::string> lines;
  ridgeline::machine::measure_machine(options,
                                      [&](const std::string& line) { lines.push_back(line); });
  EXPECT_GE(lines.size(), 4u);
}

TEST(Description, SaysWhatEveryResultFileHasToSay) {
  const Json machine = ridgeline::machine::describe_machine();
  for (const char* key :
       {"hostname", "cpu_model", "cores", "threads", "thread_binding", "memory_bytes", "gpu_model",
        "compiler", "flags", "isa", "kokkos_version", "kokkos_origin", "kokkos_configuration",
        "page_bytes", "transparent_huge_pages", "energy", "clock_source"}) {
    EXPECT_TRUE(machine.contains(key)) << key;
  }
  EXPECT_GT(machine["memory_bytes"], 1 << 20);
  EXPECT_GE(machine["cores"], 1);
  EXPECT_EQ(machine["threads"], ridgeline::Runtime::host_threads().count);
}

TEST(Description, DifferencesAreReadable) {
  const Json here = {{"cpu_model", "A"}, {"cores", 2}, {"gpu_model", nullptr}, {"hostname", "x"}};
  Json there = here;
  there["hostname"] = "y";
  EXPECT_EQ(ridgeline::machine::machine_difference(there, here), "");
  there["cpu_model"] = "B";
  EXPECT_EQ(ridgeline::machine::machine_difference(there, here), "CPU: B there, A here");
  there["cores"] = 64;
  there["gpu_model"] = "H200";
  EXPECT_EQ(ridgeline::machine::machine_difference(there, here),
            "CPU: B there, A here; cores: 64 there, 2 here; GPU: H200 there, none here");
  EXPECT_EQ(ridgeline::machine::machine_difference(Json::object(), here), "");
}

TEST(Description, DifferencesInSettingsAreReadable) {
  const Json here = {{"threads", 1}, {"bind", "spread"}, {"transparent_huge_pages", "madvise"}};
  Json there = here;
  EXPECT_EQ(ridgeline::machine::setting_difference(there, here), "");
  there["threads"] = 2;
  there["bind"] = "none";
  there["transparent_huge_pages"] = "always";
  EXPECT_EQ(ridgeline::machine::setting_difference(there, here),
            "threads: 2 there, 1 here; binding: none there, spread here; huge pages: always there, "
            "madvise here");
  EXPECT_EQ(ridgeline::machine::setting_difference(Json::object(), here), "");
}

}  // namespace
