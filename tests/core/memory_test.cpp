#include "core/memory.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>

#include "io/scratch.hpp"

namespace ridgeline {
namespace {

using testing::ScratchFolder;

// A recorded tree: /proc/self/cgroup, /proc/self/mountinfo and the groups' files.
class ControlGroups : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(folder / file).parent_path());
    folder.write(file, text);
  }
  std::size_t allowance() const { return control_group_allowance(folder.path()); }

  const ScratchFolder folder;
};

TEST_F(ControlGroups, WithoutAnyThereIsNoLimit) {
  EXPECT_EQ(allowance(), SIZE_MAX);
  write("proc/self/cgroup", "0::/\n");
  write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(allowance(), SIZE_MAX);
}

// The groups of Slurm 22 with cgroup/v2: the job's limit is two groups above the step's.
TEST_F(ControlGroups, OfVersion2AreLookedAtUpToTheRoot) {
  write("proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n");
  write("proc/self/mountinfo",
        "23 28 0:21 / /sys rw,nosuid - sysfs sysfs rw\n"
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  const std::string job = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7";
  write(job + "/memory.max", "2147483648\n");
  write(job + "/memory.current", "1610612736\n");
  write(job + "/memory.stat",
        "anon 536870912\nfile 1073741824\ninactive_file 805306368\nactive_file 268435456\n");
  write(job + "/step_0/user/task_0/memory.max", "max\n");
  write(job + "/step_0/user/task_0/memory.current", "1610612736\n");
  // The page cache can be reclaimed.
  EXPECT_EQ(allowance(), (std::size_t{2} << 30) - (std::size_t{512} << 20));
  write(job + "/step_0/memory.max", "1073741824\n");
  write(job + "/step_0/memory.current", "1073741824\n");
  EXPECT_EQ(allowance(), 0u);
}

TEST_F(ControlGroups, OfVersion1AreFoundAtTheirMount) {
  write("proc/self/cgroup",
        "11:cpuset:/slurm/uid_0/job_3\n4:memory:/slurm/uid_0/job_3/step_0\n1:name=systemd:/\n");
  write("proc/self/mountinfo",
        "31 30 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "35 30 0:31 / /cgroup/mem rw - cgroup cgroup rw,memory\n");
  const std::string job = "cgroup/mem/slurm/uid_0/job_3";
  write(job + "/memory.limit_in_bytes", "1000000\n");
  write(job + "/memory.usage_in_bytes", "600000\n");
  write(job + "/memory.stat", "cache 5\ntotal_inactive_file 100000\ntotal_active_file 50000\n");
  write(job + "/step_0/memory.limit_in_bytes", "9223372036854771712\n");
  write(job + "/step_0/memory.usage_in_bytes", "600000\n");
  EXPECT_EQ(allowance(), 550000u);
}

// In a container the root of the mount is the container's own group.
TEST_F(ControlGroups, OfAContainerBeginAtItsOwn) {
  write("proc/self/cgroup", "4:memory:/docker/abc/inner\n");
  write("proc/self/mountinfo",
        "35 30 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
  write("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "3000\n");
  write("sys/fs/cgroup/memory/inner/memory.usage_in_bytes", "500\n");
  EXPECT_EQ(allowance(), 2500u);
}

TEST(FreeMemory, IsWithinTheMachinesAndTheAddressSpacesLimit) {
  EXPECT_GT(free_memory_bytes(), std::size_t{1} << 20);
  EXPECT_LE(free_memory_bytes(), total_memory_bytes());
#if !defined(RIDGELINE_SANITIZED)
  rlimit before;
  getrlimit(RLIMIT_AS, &before);
  rlimit tight = before;
  tight.rlim_cur = 1;  // no further allocation until it is lifted
  setrlimit(RLIMIT_AS, &tight);
  const std::size_t found = free_memory_bytes();
  setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(found, 0u);
#endif
}

}  // namespace
}  // namespace ridgeline
