#pragma once

#include <string>
#include <vector>

namespace ridgeline::miniapp {

/// What a program wrote and how it ended.
struct ProcessOutput {
  int status = 0;  ///< its exit status, or 128 + the signal that ended it
  std::string out, err;
};

/// Returns the path of this very program, without links. Throws RunError.
std::string path_of_program();

/// Runs this very program with other arguments (without its name) on the processors `cpus`, which a
/// process else has from the thread that starts it, and waits for its end; where a stop is asked
/// for, it is ended. Throws RunError where it cannot be started.
ProcessOutput run_self(const std::vector<std::string>& arguments, const std::vector<int>& cpus);

}  // namespace ridgeline::miniapp
