#include "core/control_groups.hpp"

#include <fstream>
#include <sstream>

namespace ridgeline {
namespace {

/// Returns the path of this process's group and the version of its hierarchy, from lines such as
/// "4:memory:/slurm/job_7" (version 1) and "0::/system.slice/job" (version 2).
struct Group {
  std::string path;
  bool is_version2;
};
std::vector<Group> own_groups(const std::string& controller, const std::string& root) {
  std::vector<Group> groups;
  std::ifstream lines(root + "/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool is_version2 = controllers == ",,";
    if (!is_version2 && controllers.find("," + controller + ",") == std::string::npos) continue;
    groups.push_back({line.substr(second + 1), is_version2});
  }
  return groups;
}

/// A mount of a hierarchy: its folder, and the group that is the root of that folder.
struct Mount {
  std::string folder, group;
};
std::vector<Mount> mounts_of(const std::string& controller, const std::string& root,
                             bool is_version2) {
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
    const bool fits =
        is_version2 ? type == "cgroup2"
                    : type == "cgroup" &&
                          ("," + options + ",").find("," + controller + ",") != std::string::npos;
    if (fits) mounts.push_back(mount);
  }
  return mounts;
}

}  // namespace

std::vector<ControlGroup> control_groups(const std::string& controller, const std::string& root) {
  std::vector<ControlGroup> groups;
  for (const Group& group : own_groups(controller, root)) {
    for (const Mount& mount : mounts_of(controller, root, group.is_version2)) {
      // In a container the root of the mount may be an inner group.
      const std::string top = mount.group == "/" ? "" : mount.group;
      std::string path = group.path + "/";
      if (path.compare(0, top.size() + 1, top + "/") == 0) path.erase(0, top.size());
      for (;;) {
        while (!path.empty() && path.back() == '/') path.pop_back();
        groups.push_back({root + mount.folder + path, group.is_version2});
        if (path.empty()) break;
        path.erase(path.find_last_of('/'));
      }
    }
  }
  return groups;
}

}  // namespace ridgeline
