#include "core/energy.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/scratch.hpp"
#include "support/paths.hpp"

namespace ridgeline {
namespace {

using testing::contains;
using testing::ScratchFolder;

// A recorded tree of Linux's powercap: two packages, a part of the first, and the whole platform,
// which counts both again.
class Energy : public ::testing::Test {
 protected:
  Energy() {
    domain("intel-rapl:0", "package-0", 1000000);
    domain("intel-rapl:0:0", "core", 400000);
    domain("intel-rapl:1", "package-1", 5000000);
    domain("intel-rapl:2", "psys", 9000000);
    domain("intel-rapl-mmio:0", "package-0", 1000000);
  }

  std::string file(const std::string& domain, const std::string& name) const {
    return "/sys/class/powercap/" + domain + "/" + name;
  }
  void count(const std::string& domain, long microjoules) const {
    folder.write(file(domain, "energy_uj"), std::to_string(microjoules) + "\n");
  }
  void domain(const std::string& domain, const std::string& name, long microjoules) const {
    std::filesystem::create_directories(folder.path() + "/sys/class/powercap/" + domain);
    folder.write(file(domain, "name"), name + "\n");
    folder.write(file(domain, "max_energy_range_uj"), "10000000\n");
    count(domain, microjoules);
  }
  EnergyPlaces places() const {
    EnergyPlaces places;
    places.root = folder.path() + "/";
    return places;
  }

  const ScratchFolder folder;
};

TEST_F(Energy, OfAllPackagesIsAddedUpAndNoPartCountsTwice) {
  EnergyMeter meter(places());
  EXPECT_EQ(meter.sources(), (std::vector<std::string>{"package-0", "package-1"}));
  EXPECT_EQ(meter.description(), "package-0, package-1");
  meter.start();
  EXPECT_EQ(meter.joules(), 0.0);
  count("intel-rapl:0", 1250000);
  count("intel-rapl:0:0", 700000);
  count("intel-rapl:1", 5500000);
  count("intel-rapl:2", 9900000);
  EXPECT_NEAR(*meter.joules(), 0.75, 1e-12);
  count("intel-rapl:0", 1300000);
  EXPECT_NEAR(*meter.joules(), 0.8, 1e-12);
  meter.start();
  EXPECT_EQ(meter.joules(), 0.0);
}

TEST_F(Energy, GoesOnWhereACounterBeginsAnew) {
  EnergyMeter meter(places());
  count("intel-rapl:0", 9900000);
  meter.start();
  count("intel-rapl:0", 200000);  // from its largest value, 10 J
  meter.update();
  count("intel-rapl:0", 100000);  // one wrap-around, minus a tenth of a joule
  EXPECT_NEAR(*meter.joules(), 0.3 + 9.9, 1e-12);
}

TEST_F(Energy, IsUnknownIfACounterFellAndItsRangeIsUnknown) {
  std::filesystem::remove(folder.path() + file("intel-rapl:0", "max_energy_range_uj"));
  EnergyMeter meter(places());
  meter.start();
  count("intel-rapl:0", 1100000);
  EXPECT_NEAR(*meter.joules(), 0.1, 1e-12);
  count("intel-rapl:0", 900000);
  EXPECT_FALSE(meter.joules());
  count("intel-rapl:0", 1200000);
  EXPECT_FALSE(meter.joules()) << "what was lost does not come back";
}

TEST_F(Energy, IsUnknownIfACounterVanishes) {
  EnergyMeter meter(places());
  EXPECT_FALSE(meter.joules()) << "was never started";
  meter.start();
  std::filesystem::remove(folder.path() + file("intel-rapl:1", "energy_uj"));
  EXPECT_FALSE(meter.joules());
}

TEST_F(Energy, IsAbsentWithoutCounters) {
  const ScratchFolder empty;
  EnergyPlaces nowhere;
  nowhere.root = empty.path() + "/";
  EnergyMeter meter(nowhere);
  EXPECT_FALSE(meter.available());
  EXPECT_EQ(meter.description(), "none");
  meter.start();
  EXPECT_FALSE(meter.joules());
  // The sum of half of the packages would be wrong.
  std::filesystem::remove(folder.path() + file("intel-rapl:1", "energy_uj"));
  const EnergyMeter half(places());
  EXPECT_FALSE(half.available());
  EXPECT_TRUE(contains(half.description(), "not readable: No such file or directory ("));
  count("intel-rapl:1", 0);
  folder.write(file("intel-rapl:1", "energy_uj"), "\n");
  EXPECT_TRUE(contains(EnergyMeter(places()).description(), "not readable: not a number ("));
}

TEST_F(Energy, ReportsThatPermissionIsDenied) {
  const std::string counter = folder.path() + file("intel-rapl:0", "energy_uj");
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(counter.c_str(), 0400), 0);
  // Of another user, as the files of /sys are the superuser's, who may read any.
  const bool superuser = geteuid() == 0;
  if (superuser) {
    ASSERT_EQ(seteuid(65534), 0);
  } else {
    ASSERT_EQ(chmod(counter.c_str(), 0), 0);
  }
  const EnergyMeter meter(places());
  if (superuser) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_FALSE(meter.available());
  EXPECT_EQ(meter.description(), "not readable: permission denied (" + counter + ")");
}

TEST_F(Energy, OfAGpuIsAddedToThePackages) {
  EnergyPlaces with_gpu = places();
  with_gpu.device = "0000:1B:00.0";
  with_gpu.library = testing::kNvml;
  EnergyMeter meter(with_gpu);
  EXPECT_EQ(meter.description(), "package-0, package-1, GPU 0000:1B:00.0");
  meter.start();
  count("intel-rapl:0", 1250000);
  EXPECT_NEAR(*meter.joules(), 0.25 + 1.5, 1e-12);
  EXPECT_NEAR(*meter.joules(), 0.25 + 3.0, 1e-12);
}

TEST_F(Energy, OfAGpuAloneCountsWhereThereAreNoPackages) {
  std::filesystem::remove_all(folder.path() + "/sys");
  EnergyPlaces gpu = places();
  gpu.device = "0000:1B:00.0";
  gpu.library = testing::kNvml;
  EnergyMeter meter(gpu);
  meter.start();
  EXPECT_NEAR(*meter.joules(), 1.5, 1e-12);
}

TEST_F(Energy, OfAGpuDoesNotStandForPackagesThatCannotBeRead) {
  std::filesystem::remove(folder.path() + file("intel-rapl:0", "energy_uj"));
  EnergyPlaces with_gpu = places();
  with_gpu.device = "0000:1B:00.0";
  with_gpu.library = testing::kNvml;
  EnergyMeter meter(with_gpu);
  EXPECT_FALSE(meter.available());
  EXPECT_TRUE(contains(meter.description(), "GPU 0000:1B:00.0; not readable: No such file"));
  meter.start();
  EXPECT_FALSE(meter.joules());
}

TEST_F(Energy, OfAGpuThatCannotBeReadIsAbsentWithTheReason) {
  EnergyPlaces with_gpu = places();
  with_gpu.library = testing::kNvml;
  for (const char* address : {"0000:2B:00.0", "0000:3B:00.0"}) {
    with_gpu.device = address;
    EXPECT_EQ(EnergyMeter(with_gpu).description(),
              std::string("package-0, package-1; GPU not readable: ") + address +
                  " has no energy counter");
    EnergyMeter packages_alone(with_gpu);
    packages_alone.start();
    EXPECT_FALSE(packages_alone.joules());
  }
  with_gpu.library = "libridgeline-no-such-library.so";
  EXPECT_TRUE(contains(EnergyMeter(with_gpu).description(),
                       "GPU not readable: no libridgeline-no-such-library.so"));
  with_gpu.library = "libm.so.6";
  EXPECT_TRUE(contains(EnergyMeter(with_gpu).description(), "libm.so.6 is too old"));
}

}  // namespace
}  // namespace ridgeline
