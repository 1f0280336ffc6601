#pragma once

#include <string>
#include <vector>

namespace ridgeline {

/// A Linux control group that contains this process.
struct ControlGroup {
  std::string folder;  ///< directory of its limit files
  bool is_version2 = false;
};

/// Returns the groups around this process in the hierarchies of a controller ("memory", "cpu"): its
/// own and its ancestors, up to the mounted root. Any of them may set a limit. `root` is prepended
/// to the paths of /proc and of the groups, for tests on a recorded tree.
std::vector<ControlGroup> control_groups(const std::string& controller, const std::string& root);

}  // namespace ridgeline
