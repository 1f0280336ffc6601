#pragma once

#include <string>
#include <vector>

namespace ridgeline {

/// A control group of the kernel that this process is in.
struct ControlGroup {
  std::string folder;  ///< with the files of its limits
  bool is_version2 = false;
};

/// Returns the groups around this process in the hierarchies of a controller ("memory", "cpu"):
/// its own and those above it, up to the top that is mounted. A limit may be that of any of them.
/// `root` precedes the paths of /proc and of the groups, for tests on a recorded tree.
std::vector<ControlGroup> control_groups(const std::string& controller, const std::string& root);

}  // namespace ridgeline
