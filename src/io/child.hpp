#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace ridgeline::io {

/// Limits of a child process.
struct ChildLimits {
  unsigned processor_seconds = 2;
  std::size_t memory_bytes = 0;  ///< beyond what this process has now
};

/// Runs `work` in a child process and returns what it returned, so that neither a crash nor an
/// endless loop in it is this process's. A RequestError in the child is thrown here; anything else
/// that ends it is a RequestError "WHO: REASON", or "WHO: …" with the limit of time that it
/// reached. `work` must start no threads and use no Kokkos: the child has only the calling thread.
std::string run_in_child(const std::string& who, const std::string& reason,
                         const ChildLimits& limits, const std::function<std::string()>& work);

/// Called in a child process: lets it have more processor time.
void allow_more_time(unsigned seconds);

}  // namespace ridgeline::io
