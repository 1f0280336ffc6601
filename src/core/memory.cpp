#include "core/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "core/control_groups.hpp"

namespace ridgeline {
namespace {

constexpr std::size_t kUnlimited = SIZE_MAX;

/// Returns the number after `key` at the start of a line of a file; `missing` if there is none.
std::size_t value_of(const std::string& file, const std::string& key, std::size_t missing) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    return std::strtoull(line.c_str() + key.size(), nullptr, 10);
  }
  return missing;
}

/// Returns the first number in a file; `missing` if there is no file, or for "max".
std::size_t number_in(const std::string& file, std::size_t missing) {
  std::size_t value = 0;
  return std::ifstream(file) >> value ? value : missing;
}

/// File names of a control group: limit, usage and reclaimable page cache.
struct GroupFiles {
  const char *limit, *used, *statistics, *active_cache, *inactive_cache;
};
constexpr GroupFiles kVersion1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes",
                                  "/memory.stat", "total_active_file ", "total_inactive_file "};
constexpr GroupFiles kVersion2 = {"/memory.max", "/memory.current", "/memory.stat", "active_file ",
                                  "inactive_file "};

/// Returns the remaining allowance of one group.
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

std::size_t address_space_allowance() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const std::size_t used = number_in("/proc/self/statm", 0) *  // first number: total pages
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
  for (const ControlGroup& group : control_groups("memory", root)) {
    least = std::min(least, allowance_of(group.folder, group.is_version2 ? kVersion2 : kVersion1));
  }
  return least;
}

}  // namespace ridgeline
