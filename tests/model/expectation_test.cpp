#include "model/expectation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/seconds.hpp"
#include "support/paths.hpp"

namespace ridgeline::model {
namespace {

using io::Json;
using layers::Phase;

TEST(MeasuredFractions, AreFractionsOfBothKindsOfDevice) {
  for (const DeviceKind device : {DeviceKind::gpu, DeviceKind::cpu}) {
    SCOPED_TRACE(to_string(device));
    int kinds = 0;
    for (const MeasuredFraction& row : measured_fractions()) {
      if (row.device != device) continue;
      ++kinds;
      EXPECT_GT(row.fixed_seconds, 0) << row.kind;
      EXPECT_GT(row.fraction, 0) << row.kind;
      EXPECT_LE(row.fraction, 1) << row.kind;
      EXPECT_GT(row.records, 0) << row.kind;
    }
    EXPECT_GT(kinds, 20);
    EXPECT_EQ(measured_fraction(device, "dense", Phase::backward).kind, std::string("dense"));
    EXPECT_EQ(measured_fraction(device, "no such layer", Phase::forward).kind, std::string());
    EXPECT_NE(describe_sources(device).find("docs/results/"), std::string::npos);
    EXPECT_GT(measured_dispatch(device).kernel, 0);
  }
  EXPECT_EQ(device_of("hip"), DeviceKind::gpu);
  EXPECT_EQ(device_of("cuda"), DeviceKind::gpu);
  EXPECT_EQ(device_of("openmp"), DeviceKind::cpu);
}

Json timing(double seconds) { return {{"min", seconds}, {"median", seconds}}; }

// 1 TFLOP/s, 100 GB/s, and launches of 10 µs if any.
Json machine_file(bool with_dispatch) {
  Json space = {{"peak_gflops", {{"float32", 1000.0}}},
                {"bandwidth", Json::array()},
                {"dispatch", Json::object()}};
  for (const double working_set : {1.0, 1e6}) {
    space["bandwidth"].push_back({{"kernel", "data sheet"},
                                  {"working_set_bytes", working_set},
                                  {"threads", 1},
                                  {"gbytes_per_second", 100.0}});
  }
  if (with_dispatch) space["dispatch"]["empty_kernel"] = timing(1e-5);
  return {{"measured", false}, {"spaces", {{"cuda", space}}}};
}

PartWork part(const char* kind, double flops, double bytes, long launches) {
  PartWork work;
  work.kind = kind;
  work.counts.flops = flops;
  work.counts.bytes = work.counts.working_set_bytes = bytes;
  work.launches.parallel = launches;
  return work;
}

TEST(Expectation, IsAFixedPartAndTheCeilingOverItsFraction) {
  const Ceilings ceilings(machine_file(true), "sheet.json", "cuda", "float32");
  EXPECT_TRUE(ceilings.absent().empty());
  const MeasuredFraction& dense = measured_fraction(DeviceKind::gpu, "dense", Phase::forward);
  const MeasuredFraction& any = measured_fraction(DeviceKind::gpu, "sorting", Phase::forward);
  // With one launch the 10 µs of this machine exceed the fixed part, with none they do not.
  ASSERT_LT(std::max(dense.fixed_seconds, any.fixed_seconds), 1e-5);
  const Expectation both =
      expect(ceilings, DeviceKind::gpu,
             {{part("dense", 1e9, 1e6, 1), part("sorting", 0, 1e9, 0), part("flatten", 0, 0, 0)}});
  EXPECT_DOUBLE_EQ(both.at_best, 1e-3 + 1e-2);
  ASSERT_TRUE(both.expected);
  EXPECT_DOUBLE_EQ(*both.expected,
                   1e-5 + 1e-3 / dense.fraction + any.fixed_seconds + 1e-2 / any.fraction);
  EXPECT_EQ(both.without_record, (std::set<std::string>{"sorting forward"}));
}

// Like the fractions, which are of layers in steps.
TEST(Expectation, OfAStepHasTheBandwidthOfAChain) {
  Json file = machine_file(true);
  Json& chain = file["spaces"]["cuda"]["chain"];
  for (const char* handoff : {"own", "other"}) {
    chain.push_back({{"kernel", "scale"},
                     {"handoff", handoff},
                     {"threads", 1},
                     {"bytes", 1e6},
                     {"arena_bytes", 1e6},
                     {"gbytes_per_second", 20.0}});
  }
  const Ceilings ceilings(file, "machine.json", "cuda", "float32");
  const std::vector<PartWork> parts = {part("sorting", 0, 1e6, 0)};
  EXPECT_DOUBLE_EQ(expect(ceilings, DeviceKind::gpu, {parts, 0}).at_best, 1e-5);
  EXPECT_DOUBLE_EQ(expect(ceilings, DeviceKind::gpu, {parts, 1e6}).at_best, 5e-5);
}

TEST(Expectation, TakesALaunchsCostFromMeasuredDevicesWhereTheSheetHasNone) {
  const Ceilings ceilings(machine_file(false), "sheet.json", "cuda", "float32");
  EXPECT_EQ(ceilings.absent(), std::vector<std::string>{"dispatch"});
  const Expectation small = expect(ceilings, DeviceKind::gpu, {{part("dense", 1e3, 1e3, 2)}});
  EXPECT_DOUBLE_EQ(small.at_best, 1e-8);
  const MeasuredFraction& dense = measured_fraction(DeviceKind::gpu, "dense", Phase::forward);
  const double launches = 2 * measured_dispatch(DeviceKind::gpu).kernel;
  EXPECT_DOUBLE_EQ(*small.expected,
                   std::max(launches, dense.fixed_seconds) + 1e-8 / dense.fraction);
}

TEST(Expectation, IsNoneWithoutAPeakOrABandwidth) {
  Json file = machine_file(true);
  file["spaces"]["cuda"]["bandwidth"] = Json::array();
  const Ceilings no_bandwidth(file, "sheet.json", "cuda", "float32");
  const Expectation expectation =
      expect(no_bandwidth, DeviceKind::gpu, {{part("dense", 1e9, 1, 0)}});
  EXPECT_DOUBLE_EQ(expectation.at_best, 1e-3);
  EXPECT_FALSE(expectation.expected);
  const Ceilings no_peak(machine_file(true), "sheet.json", "cuda", "float64");
  EXPECT_EQ(no_peak.absent(), std::vector<std::string>{"peak_gflops.float64"});
  EXPECT_FALSE(expect(no_peak, DeviceKind::gpu, {{part("dense", 1e9, 1, 0)}}).expected);
}

// The measurements on the H200 (docs/results) that the table was fitted to.
const std::string kH200 = "/docs/results/h200-16-cores/";

Phase phase_named(const std::string& name) {
  return name == "forward" ? Phase::forward : name == "backward" ? Phase::backward : Phase::update;
}

// The error, in logarithms.
double error_of(double predicted, double measured) {
  return std::abs(std::log(predicted / measured));
}

Ceilings h200() {
  const std::string path = testing::source_folder() + kH200 + "machine.json";
  return Ceilings(io::read_json(path, "ridgeline-machine"), path, "cuda", "float32");
}

TEST(Expectation, OfStepsOnTheH200IsNearerThanItsCeilings) {
  const Ceilings ceilings = h200();
  std::vector<double> expected_errors, ceiling_errors;
  int nearer = 0;
  const std::string folder = testing::source_folder() + kH200 + "roofline";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const Json roofline = io::read_json(entry.path().string(), "ridgeline-roofline");
    StepWork step;
    for (const Json& record : roofline.at("records")) {
      step.parts.push_back(
          part("", record.at("flops"), record.at("bytes"), record.at("dispatches")));
      step.parts.back().kind = record.at("kind");
      step.parts.back().phase = phase_named(record.at("phase"));
      step.parts.back().counts.working_set_bytes = record.at("working_set_bytes");
      step.parts.back().launches.barriers = record.at("barriers");
    }
    const Expectation found = expect(ceilings, DeviceKind::gpu, step);
    const double measured = roofline.at("total").at("seconds").at("median");
    expected_errors.push_back(error_of(*found.expected, measured));
    ceiling_errors.push_back(error_of(found.at_best, measured));
    EXPECT_LT(expected_errors.back(), std::log(2.5)) << entry.path();
    // All except those whose time is launch cost alone.
    nearer += expected_errors.back() < ceiling_errors.back();
  }
  ASSERT_EQ(expected_errors.size(), 16u);
  EXPECT_GE(nearer, 14);
  EXPECT_LT(median_of(expected_errors), std::log(1.3));
  EXPECT_GT(median_of(ceiling_errors), std::log(2.5));
}

// From 8 wide on and of one sample on: not only the sizes that decks have.
TEST(Expectation, OfLayersOnTheH200FollowsTheirSize) {
  const Ceilings ceilings = h200();
  std::vector<double> errors;
  const Json study =
      io::read_json(testing::source_folder() + kH200 + "crossover.json", "ridgeline-study");
  for (const Json& point : study.at("points")) {
    if (point.at("pass") != "forward" || !point.contains("width")) continue;
    PartWork work = part("", point.at("flops"), point.at("working_set_bytes"), 1);
    work.kind = point.at("what");
    const Expectation found = expect(ceilings, DeviceKind::gpu, {{work}});
    errors.push_back(
        error_of(*found.expected, point.at("eager").at("second_seconds").at("median")));
  }
  ASSERT_GT(errors.size(), 100u);
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(median_of(errors), std::log(1.25));
  EXPECT_LT(errors[errors.size() * 9 / 10], std::log(2.2));
}

}  // namespace
}  // namespace ridgeline::model
