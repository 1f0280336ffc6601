#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "io/scratch.hpp"
#include "model/explanation.hpp"
#include "model/step_timing.hpp"
#include "network/networks.hpp"
#include "support/runtime.hpp"

namespace ridgeline::model {
namespace {

using testing::ScratchFolder;

// One package below a folder.
EnergyPlaces package_in(const ScratchFolder& folder) {
  const std::string domain = "sys/class/powercap/intel-rapl:0";
  std::filesystem::create_directories(folder / domain);
  folder.write(domain + "/name", "package-0\n");
  folder.write(domain + "/max_energy_range_uj", "262143328850\n");
  folder.write(domain + "/energy_uj", "1000\n");
  EnergyPlaces places;
  places.root = folder.path() + "/";
  return places;
}

class StepEnergyOnAHost : public testing::Computing {
 protected:
  StepTiming timing_with(EnergyMeter* energy) {
    StepOptions options;
    options.batch = 4;
    options.repeats = 2;
    options.min_seconds = 0;
    options.warm_up_seconds = 0;
    options.energy = energy;
    const auto plan = testing::plan_of(testing::deck_of(testing::kPerceptron));
    return time_step<Kokkos::Serial, double>(Kokkos::Serial(), plan, options);
  }
};

TEST_F(StepEnergyOnAHost, IsAbsentUnlessItCanBeRead) {
  EXPECT_FALSE(timing_with(nullptr).energy);
  const ScratchFolder empty;
  EnergyPlaces nowhere;
  nowhere.root = empty.path() + "/";
  EnergyMeter nothing(nowhere);
  const StepTiming timing = timing_with(&nothing);
  EXPECT_FALSE(timing.energy);

  const Ceilings ceilings(nlohmann::ordered_json::parse(R"({"measured": false, "spaces":
    {"serial": {"peak_gflops": {}, "bandwidth": [], "dispatch": {}}}})"),
                          "sheet", "serial", "float64");
  const Roofline roofline = place_under(ceilings, timing);
  io::Json json;
  to_json(json, roofline);
  for (const char* key : {"energy_joules", "power_watts", "energy_sources"}) {
    EXPECT_TRUE(json["total"].at(key).is_null()) << key;
  }
}

TEST_F(StepEnergyOnAHost, IsThatOfAStepAndItsPowerThatOfThePackage) {
  const ScratchFolder folder;
  EnergyMeter meter(package_in(folder));
  // A package that uses 50 W.
  std::atomic<bool> over{false};
  const double begin = host_seconds();
  std::thread package([&] {
    const std::string counter = folder / "sys/class/powercap/intel-rapl:0/energy_uj";
    while (!over) {
      folder.write("next", std::to_string(1000 + long(50e6 * (host_seconds() - begin))));
      std::filesystem::rename(folder / "next", counter);
      std::this_thread::yield();
    }
  });
  const StepTiming timing = timing_with(&meter);
  over = true;
  package.join();
  ASSERT_TRUE(timing.energy);
  EXPECT_EQ(timing.energy->sources, std::vector<std::string>{"package-0"});
  EXPECT_GT(timing.energy->joules, 0);
  // The thread may wait for a processor before it writes the last value.
  EXPECT_GT(timing.energy->watts, 5);
  EXPECT_LT(timing.energy->watts, 500);
  // Of one step, which takes far less than a tenth of a second, not of all of them.
  EXPECT_LT(timing.energy->joules, 0.1 * timing.energy->watts);
}

TEST(Explanation, SaysWhatAStepUses) {
  BatchRoofline at;
  LayerRecord record;
  record.placement.ceiling_seconds = record.seconds.median = 1;
  at.roofline.records = {record};
  at.roofline.sum_of_records = 1;
  const auto without = explain({at}, true);
  at.roofline.energy = StepEnergy{0.01234, 46.4, {"package-0", "package-1"}};
  const auto with = explain({at}, true);
  ASSERT_EQ(with.size(), without.size() + 1);
  EXPECT_EQ(with.back(), "the step uses 0.0123 J at 46 W (all of package-0 and package-1)");
}

}  // namespace
}  // namespace ridgeline::model
