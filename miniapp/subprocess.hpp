#pragma once

#include <string>
#include <vector>

namespace ridgeline::miniapp {

/// The output and the status of a program.
struct ProcessOutput {
  int status = 0;  ///< its exit status, or 128 + the signal that ended it
  std::string out, err;
};

/// Returns the path of this program, without links. Throws RunError.
std::string path_of_program();

/// Runs this program with other arguments (without its name) on the processors `cpus`, and waits
/// for its end; the default processors would be those of the calling thread. Ends it if a stop is
/// requested. Throws RunError if it cannot be started.
ProcessOutput run_self(const std::vector<std::string>& arguments, const std::vector<int>& cpus);

}  // namespace ridgeline::miniapp
