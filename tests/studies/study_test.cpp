#include "studies/study.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
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
  EXPECT_EQ(shown({kInfinity, 4, kInfinity}, plain), "at least 4");
  EXPECT_EQ(shown({NAN, NAN, NAN}, plain), "unknown");
}

TEST(EstimateJson, HasNullForWhatIsNotKnown) {
  const io::Json json = to_json(model::Estimate{2, 1, kInfinity});
  EXPECT_EQ(json.at("value"), 2);
  EXPECT_EQ(json.at("low"), 1);
  EXPECT_TRUE(json.at("high").is_null());
}

TEST(ThreadCounts, AreDoublingsAndAll) {
  EXPECT_EQ(thread_counts(1), (std::vector<int>{1}));
  EXPECT_EQ(thread_counts(2), (std::vector<int>{1, 2}));
  EXPECT_EQ(thread_counts(6), (std::vector<int>{1, 2, 4, 6}));
  EXPECT_EQ(thread_counts(8), (std::vector<int>{1, 2, 4, 8}));
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
