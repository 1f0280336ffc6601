#include "core/system_load.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/scratch.hpp"

// The kernel's values, read from recorded files.

namespace ridgeline {
namespace {

class RecordedTree : public ::testing::Test {
 protected:
  void record(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / file).parent_path());
    folder_.write(file, text);
  }
  std::string root() const { return folder_.path() + "/"; }

 private:
  testing::ScratchFolder folder_;
};

TEST_F(RecordedTree, LoadIsThatOfTheThreadsAndProcessorsAskedFor) {
  const double tick = 1 / static_cast<double>(sysconf(_SC_CLK_TCK));
  record("proc/stat",
         "cpu  100 20 30 1000 5 6 7 40 0 0\n"
         "cpu0 50 10 15 500 2 3 3 15 0 0\n"
         "cpu1 50 10 15 500 3 3 4 25 0 0\n"
         "intr 12345\ncpu9 1 1 1 1 1 1 1 1 0 0\n");
  record("proc/self/task/11/schedstat", "3000000000 200000000 77\n");
  record("proc/self/task/12/schedstat", "1000000000 100000000 7\n");
  record("proc/pressure/cpu",
         "some avg10=1.50 avg60=2.00 avg300=0.10 total=2500000\n"
         "full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n");
  const SystemLoad load = read_system_load({11, 12, 13}, {1}, root());
  EXPECT_NEAR(load.thread_cpu, 4, 1e-12);
  EXPECT_NEAR(*load.waiting, 0.3, 1e-12);
  EXPECT_NEAR(*load.busy, tick * (100 + 20 + 30 + 6 + 7), 1e-12);
  EXPECT_NEAR(*load.stolen, tick * 25, 1e-12);
  EXPECT_NEAR(*load.pressure, 2.5, 1e-12);
  EXPECT_EQ(*cpu_pressure_avg10(root()), 1.5);
}

TEST_F(RecordedTree, WhatIsNotThereIsAbsent) {
  const SystemLoad load = read_system_load({1}, {0}, root());
  EXPECT_FALSE(load.waiting || load.busy || load.stolen || load.pressure);
  EXPECT_FALSE(cpu_pressure_avg10(root()) || load_average(root()) || clock_frequency(0, root()));
  EXPECT_FALSE(cgroup_processor_quota(root()));
  EXPECT_EQ(frequency_governor(0, root()), "");
}

TEST_F(RecordedTree, FrequencyIsThatOfCpufreqOrElseOfCpuinfo) {
  record("proc/cpuinfo",
         "processor\t: 0\ncpu MHz\t\t: 2100.000\n\nprocessor\t: 1\ncpu MHz\t\t: 3450.5\n");
  EXPECT_EQ(*clock_frequency(1, root()), 3450.5e6);
  EXPECT_FALSE(clock_frequency(2, root()));
  record("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1800000\n");
  record("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n");
  EXPECT_EQ(*clock_frequency(1, root()), 1.8e9);
  EXPECT_EQ(*clock_frequency(0, root()), 2.1e9);
  EXPECT_EQ(frequency_governor(1, root()), "powersave");
}

TEST_F(RecordedTree, QuotaIsTheTightestOfTheGroupAndThoseAboveIt) {
  record("proc/self/cgroup", "0::/system.slice/job\n");
  record("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  record("sys/fs/cgroup/system.slice/job/cpu.max", "max 100000\n");
  EXPECT_FALSE(cgroup_processor_quota(root()));
  record("sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(*cgroup_processor_quota(root()), 1.5);
  record("sys/fs/cgroup/system.slice/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(*cgroup_processor_quota(root()), 0.5);
  record("sys/fs/cgroup/cpu.max", "25000 100000\n");  // as a container sees its own
  EXPECT_EQ(*cgroup_processor_quota(root()), 0.25);
}

TEST_F(RecordedTree, QuotaOfVersionOneIsReadToo) {
  record("proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n");
  record("proc/self/mountinfo",
         "31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  record("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  record("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cgroup_processor_quota(root()));
  record("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(*cgroup_processor_quota(root()), 2);
}

TEST(SystemLoad, OfThisProcessGrows) {
  const SystemLoad before = read_system_load({this_thread_number()}, {0});
  volatile double sum = 0;
  while (read_system_load({}, {}).process_cpu < before.process_cpu + 0.02) {
    for (int i = 0; i < 100000; ++i) sum = sum + i;
  }
  const SystemLoad after = read_system_load({this_thread_number()}, {0});
  EXPECT_GT(after.at, before.at);
  if (before.waiting) {
    EXPECT_GT(after.thread_cpu, before.thread_cpu);
  }
}

}  // namespace
}  // namespace ridgeline
