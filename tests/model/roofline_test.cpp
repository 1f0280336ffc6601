#include "model/roofline.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ridgeline::model {
namespace {

io::Json machine_file() {
  return io::Json::parse(R"({"spaces": {"openmp": {"concurrency": 2,
    "peak_gflops": {"float32": 100},
    "bandwidth": [{"kernel": "read", "working_set_bytes": 1024, "threads": 2,
                   "gbytes_per_second": 10}],
    "chain": [{"kernel": "scale", "handoff": "own", "threads": 2, "bytes": 1024,
               "arena_bytes": 1024, "gbytes_per_second": 10},
              {"kernel": "scale", "handoff": "other", "threads": 2, "bytes": 1024,
               "arena_bytes": 1024, "gbytes_per_second": 1}],
    "dispatch": {"empty_kernel": {"min": 1e-9}}}}})");
}

// A step of parts that each move 1000 bytes, in these times.
StepTiming step_of(const std::vector<double>& seconds) {
  StepTiming step;
  step.counts.working_set_bytes = 2000;
  for (const double each : seconds) {
    PartTiming part;
    part.counts.bytes = part.counts.working_set_bytes = 1000;
    part.launches.parallel = 1;
    part.seconds.median = each;
    step.counts.bytes += part.counts.bytes;
    step.total.median += each;
    step.launches += part.launches;
    step.parts.push_back(part);
  }
  return step;
}

TEST(Roofline, OfAStepIsExplainedByNoMoreThanItsRecordsTimes) {
  const Ceilings ceilings(machine_file(), "machine.json", "openmp", "float32");
  // Half of the bytes at 10 GB/s and half at 1: 550 ns; the second has its data in a faster cache.
  const Roofline roofline = place_under(ceilings, step_of({1e-6, 200e-9}));
  EXPECT_NEAR(roofline.records[0].placement.explained_seconds, 550e-9, 1e-15);
  EXPECT_NEAR(roofline.records[1].placement.explained_seconds, 550e-9, 1e-15);
  EXPECT_NEAR(roofline.placement.explained_seconds, 750e-9, 1e-15);
  EXPECT_LE(place_under(ceilings, step_of({5e-7, 3e-7})).placement.explained_seconds, 8e-7);
  EXPECT_NEAR(roofline.placement.ceiling_seconds, 200e-9, 1e-15);
}

TEST(Roofline, UnderADataSheetThatLacksWhatIsNeededHasNoBoundAndNoLargestCeiling) {
  io::Json file = machine_file();
  file["measured"] = false;
  file["spaces"]["openmp"]["dispatch"] = io::Json::object();
  io::Json json;
  to_json(json,
          place_under(Ceilings(file, "sheet.json", "openmp", "float32"), step_of({1e-6, 1e-6})));
  for (const io::Json& placed : {json.at("records")[0], json.at("total")}) {
    EXPECT_TRUE(placed.at("bound").is_null());
    EXPECT_TRUE(placed.at("largest_ceiling").is_null());
  }
  to_json(json, place_under(Ceilings(machine_file(), "machine.json", "openmp", "float32"),
                            step_of({1e-6, 1e-6})));
  EXPECT_EQ(json.at("records")[0].at("largest_ceiling"), "bandwidth");
}

}  // namespace
}  // namespace ridgeline::model
