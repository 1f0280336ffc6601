#include "model/level_ceilings.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/json.hpp"
#include "model/ceilings.hpp"
#include "support/paths.hpp"

namespace ridgeline::model {
namespace {

std::string result_file(const std::string& name) { return testing::source_folder() + "/" + name; }

double rate_of(const LevelCeilings& ceilings, const std::string& level) {
  for (const LevelCeiling& each : ceilings.levels) {
    if (each.level == level) return each.gbytes_per_second;
  }
  return 0;
}

TEST(LevelCeilings, AreThoseUnderWhichLayersArePlaced) {
  const std::string name = result_file("docs/results/h200-16-cores/machine.json");
  const io::Json file = io::read_json(name, "ridgeline-machine");
  for (const char* space : {"openmp", "cuda"}) {
    const LevelCeilings levels = level_ceilings(file, name, space, 0);
    const Ceilings ceilings(file, name, space, "float32");
    ASSERT_GE(levels.levels.size(), 2u) << space;
    EXPECT_EQ(levels.levels.back().level, "DRAM");
    EXPECT_NEAR(levels.levels.back().gbytes_per_second, 1e-9 * ceilings.bandwidth(1e15), 1e-6);
    for (std::size_t i = 1; i < levels.levels.size(); ++i) {
      EXPECT_GE(levels.levels[i - 1].gbytes_per_second, levels.levels[i].gbytes_per_second)
          << space << ", " << levels.levels[i].level;
    }
    ASSERT_EQ(levels.peaks.size(), 2u);
    EXPECT_EQ(levels.peaks[0].first, "float32");
    EXPECT_NEAR(levels.peaks[0].second, 1e-9 * ceilings.peak_flops(), 1e-6);
  }
}

// A device's first cache is hidden by the launch of a kernel that reads so little.
TEST(LevelCeilings, LeaveOutALevelThatIsSlowerThanALargerOne) {
  const std::string name = result_file("docs/results/h200-16-cores/machine.json");
  const LevelCeilings levels =
      level_ceilings(io::read_json(name, "ridgeline-machine"), name, "cuda", 0);
  EXPECT_EQ(rate_of(levels, "L1"), 0);
  EXPECT_GT(rate_of(levels, "L2"), rate_of(levels, "DRAM"));
}

TEST(LevelCeilings, OfThreadsThatWereNotMeasuredAreBounded) {
  const std::string name = result_file("docs/results/h200-16-cores/machine.json");
  const io::Json file = io::read_json(name, "ridgeline-machine");
  const LevelCeilings one = level_ceilings(file, name, "openmp", 1);
  const LevelCeilings four = level_ceilings(file, name, "openmp", 4);
  const LevelCeilings all = level_ceilings(file, name, "openmp", 16);
  ASSERT_FALSE(four.levels.empty());
  EXPECT_GE(rate_of(four, "DRAM"), rate_of(one, "DRAM"));
  EXPECT_LE(rate_of(four, "DRAM"), rate_of(all, "DRAM") * 1.0001);
  EXPECT_LT(four.peaks[0].second, all.peaks[0].second);
}

TEST(LevelCeilings, OfADataSheetAreMainMemoryAlone) {
  const std::string name = result_file("inputs/machines/h100-sxm.json");
  const io::Json file = io::read_json(name, "ridgeline-machine");
  const LevelCeilings levels = level_ceilings(file, name, "cuda", 0);
  ASSERT_FALSE(levels.levels.empty());
  EXPECT_GT(levels.levels.back().gbytes_per_second, 1000);
  EXPECT_FALSE(levels.peaks.empty());
}

TEST(LevelCeilings, AreEmptyWithoutTheSpace) {
  const std::string name = result_file("inputs/machines/h100-sxm.json");
  const LevelCeilings levels =
      level_ceilings(io::read_json(name, "ridgeline-machine"), name, "openmp", 2);
  EXPECT_TRUE(levels.levels.empty());
  EXPECT_TRUE(levels.peaks.empty());
}

}  // namespace
}  // namespace ridgeline::model
