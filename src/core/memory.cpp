#include "core/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace ridgeline {
namespace {

constexpr std::size_t kUnlimited = SIZE_MAX;

/// The number that follows `key` at the start of a line of a file; `missing` if there is none.
std::size_t value_of(const std::string& file, const std::string& key, std::size_t missing) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  }
  return missing;
}

/// A file's first number; `missing` for no file, and for "max".
std::size_t number_in(const std::string& file, std::size_t missing) {
  std::size_t value = 0;
  return std::ifstream(file) >> value ? value : missing;
}

/// Names of a control group's files: limit, usage and reclaimable page cache.
struct GroupFiles {
  const char *limit, *used, *statistics, *active_cache, *inactive_cache;
};
constexpr GroupFiles kVersion1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                                  "/memory.stat", "total_active_file ", "total_inactive_file "};
constexpr GroupFiles kVersion2 = {"/memory.max", "/memory.current", "/memory.stat", "active_file ",
                                  "inactive_file "};

/// What one group still allows.
std::size_t allowance_of(const std::string& group, const GroupFiles& files) {
  const std::size_t limit = number_in(group + files.limit, kUnlimited);
  if (limit == kUnlimited) return kUnlimited;
  const std::string statistics = group + files.statistics;
  const std::size_t cache =
      value_of(statistics, files.active_cache, 0) + value_of(statistics, files.inactive_cache, 0);
  std::size_t used = number_in(group + files.used, 0);
  used -= std::min(used, cache);
  return limit > used ? limit - used : 0;
}

/// The path of this process's memory group and the version of its hierarchy, from lines such as
/// "4:memory:/slurm/job_7" (version 1) and "0::/system.slice/job" (version 2).
struct Group {
  std::string path;
  bool is_version2;
};
std::vector<Group> own_groups(const std::string& root) {
  std::vector<Group> groups;
  std::ifstream lines(root + "/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool is_version2 = controllers == ",,";
    if (!is_version2 && controllers.find(",memory,") == std::string::npos) continue;
    groups.push_back({line.substr(second + 1), is_version2});
  }
  return groups;
}

/// Where a hierarchy is mounted: its folder, and the group that this folder shows.
struct Mount {
  std::string folder, group;
};
std::vector<Mount> mounts_of(const std::string& root, bool is_version2) {
  std::vector<Mount> mounts;
  std::ifstream lines(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    // "29 23 0:26 /group /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream before(line.substr(0, separator)), after(line.substr(separator + 3));
    std::string skipped, type, source, options;
    Mount mount;
    before >> skipped >> skipped >> skipped >> mount.group >> mount.folder;
    after >> type >> source >> options;
    const bool fits = is_version2 ? type == "cgroup2"
                                  : type == "cgroup" &&
                                        ("," + options + ",").find(",memory,") != std::string::npos;
    if (fits) mounts.push_back(mount);
  }
  return mounts;
}

std::size_t address_space_allowance() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const std::size_t used = number_in("/proc/self/statm", 0) *  // its first number: pages in all
                           static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

}  // namespace

std::size_t total_memory_bytes() { return value_of("/proc/meminfo", "MemTotal:", 0) << 10; }

std::size_t free_memory_bytes() {
  const std::size_t kilobytes = value_of("/proc/meminfo", "MemAvailable:", kUnlimited >> 10);
  return std::min({kilobytes << 10, control_group_allowance(), address_space_allowance()});
}

std::size_t control_group_allowance(const std::string& root) {
  std::size_t least = kUnlimited;
  for (const Group& group : own_groups(root)) {
    for (const Mount& mount : mounts_of(root, group.is_version2)) {
      // In a container the mount may show an inner group as its top.
      const std::string top = mount.group == "/" ? "" : mount.group;
      std::string path = group.path + "/";
      if (path.compare(0, top.size() + 1, top + "/") == 0) path.erase(0, top.size());
      for (;;) {
        while (!path.empty() && path.back() == '/') path.pop_back();
        least = std::min(least, allowance_of(root + mount.folder + path,
                                             group.is_version2 ? kVersion2 : kVersion1));
        if (path.empty()) break;
        path.erase(path.find_last_of('/'));
      }
    }
  }
  return least;
}

}  // namespace ridgeline
