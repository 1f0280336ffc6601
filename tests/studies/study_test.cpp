#include "studies/study.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "model/measured_range.hpp"
#include "support/runtime.hpp"

namespace ridgeline::studies {
namespace {

class Bounds : public testing::Computing {};

const double kInfinity = std::numeric_limits<double>::infinity();

std::string plain(double value) { return std::to_string(int(value)); }

TEST(Shown, SaysAsMuchAsIsKnown) {
  EXPECT_EQ(shown({5, 4, 6}, plain), "5 (4 to 6)");
  EXPECT_EQ(shown({5, 4, kInfinity}, plain), "5 (at least 4)");
  EXPECT_EQ(shown({5, -kInfinity, 6}, plain), "5 (at most 6)");
  EXPECT_EQ(shown({5, -kInfinity, kInfinity}, plain), "5");
  EXPECT_EQ(shown(model::beyond_range(4), plain), "not reached (> 4)");
  EXPECT_EQ(shown(model::below_range(4), plain), "at most 4");
  EXPECT_EQ(shown({NAN, 4, 64}, plain), "unclear (4 to 64)");
  EXPECT_EQ(shown({NAN, 4, kInfinity}, plain), "unclear (> 4)");
  EXPECT_EQ(shown({NAN, -kInfinity, 64}, plain), "unclear (< 64)");
  EXPECT_EQ(shown({NAN, NAN, NAN}, plain), "unclear");
}

TEST(EstimateJson, HasNullForWhatIsNotKnown) {
  const io::Json json = to_json(model::Estimate{2, 1, kInfinity});
  EXPECT_EQ(json.at("value"), 2);
  EXPECT_EQ(json.at("low"), 1);
  EXPECT_TRUE(json.at("high").is_null());
  EXPECT_EQ(json.at("reached"), true);
  const io::Json beyond = to_json(model::beyond_range(64));
  EXPECT_TRUE(beyond.at("value").is_null());
  EXPECT_EQ(beyond.at("low"), 64);
  EXPECT_EQ(beyond.at("reached"), false);
}

Timing timing_of(double median, double low, double high) {
  Timing timing;
  timing.min = low;
  timing.median = median;
  timing.max = high;
  timing.low = low;
  timing.high = high;
  timing.repeats = 9;
  return timing;
}

TEST(WideTimes, AreMarkedInTheTableAndListedInOneNote) {
  EXPECT_EQ(io::time_cell(timing_of(12.3e-6, 12.1e-6, 12.5e-6)).shown(), "12.3 µs");
  EXPECT_EQ(io::time_cell(timing_of(12.3e-6, 11e-6, 14e-6)).shown(), "~12.3 µs");
  Study study;
  study.points = io::Json::array();
  const auto add = [&](const char* what, int bytes, const Timing& timing) {
    study.add_point({{"space", "openmp"}, {"what", what}, {"bytes", bytes}, {"seconds", timing}},
                    "openmp, " + std::string(what) + ", bytes " + std::to_string(bytes), {timing});
  };
  add("narrow", 1, timing_of(1e-3, 0.99e-3, 1.01e-3));
  finish(study, {});
  EXPECT_TRUE(study.complete);
  EXPECT_TRUE(study.notes.empty());
  add("wide", 2, timing_of(1e-3, 0.9e-3, 1.1e-3));
  add("wider", 3, timing_of(1e-3, 0.5e-3, 1.5e-3));
  // Two modes that share a time.
  study.add_point({{"what", "nested"}}, "nested", {timing_of(1, 0.8, 1.1), timing_of(1, 0.8, 1.1)});
  finish(study, {});
  ASSERT_EQ(study.notes.size(), 1u);
  EXPECT_EQ(study.notes[0],
            "the median's 95 % interval stayed wider than 10 % of it for 3 of the times: openmp, "
            "wider, bytes 3 (100 %); nested (30 %); openmp, wide, bytes 2 (20 %)");
  for (int i = 0; i < 20; ++i) add("more", i, timing_of(1e-3, 0.9e-3, 1.02e-3));
  study.notes.clear();
  finish(study, {});
  ASSERT_EQ(study.notes.size(), 1u);
  EXPECT_NE(study.notes[0].find("; and 15 more"), std::string::npos);
}

TEST_F(Bounds, ThatCannotBeAreRefused) {
  EXPECT_THROW(require_order("--from and --to", 8, 4), RequestError);
  EXPECT_THROW(require_order("--from and --to", 0, 4), RequestError);
  EXPECT_NO_THROW(require_order("--from and --to", 4, 4));
  const int all = Runtime::host_threads().count;
  EXPECT_NO_THROW(require_threads({1, all}));
  EXPECT_THROW(require_threads({all + 1}), RequestError);
  EXPECT_THROW(require_threads({0}), RequestError);
  EXPECT_NO_THROW(require_memory(SpaceKind::serial, 1 << 20));
  EXPECT_THROW(require_memory(SpaceKind::serial, 1e18), RequestError);
}

TEST(StudyFile, HasTheContractsKeys) {
  Study study;
  study.name = "latency";
  study.complete = false;
  study.points = io::Json::array();
  const io::Json file = to_json(study);
  EXPECT_EQ(file.at("format"), "ridgeline-study");
  EXPECT_EQ(file.at("version"), 2);
  EXPECT_EQ(file.at("study"), "latency");
  EXPECT_EQ(file.at("complete"), false);
  for (const char* key : {"created", "machine", "ridgeline_version", "points", "fit"}) {
    EXPECT_TRUE(file.contains(key)) << key;
  }
}

}  // namespace
}  // namespace ridgeline::studies
