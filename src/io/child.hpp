#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace ridgeline::io {

/// Limits of a child process.
struct ChildLimits {
  unsigned processor_seconds = 2;
  std::size_t memory_bytes = 0;  ///< in addition to those of this process
};

/// Runs `work` in a child process and returns its result, so that a crash or an endless loop does
/// not affect this process. Rethrows a RequestError of the child. If the child ends in another way,
/// throws RequestError "WHO: REASON", or "WHO: …" with the time limit that it exceeded. `work` must
/// not start threads or use Kokkos: the child has only the calling thread.
std::string run_in_child(const std::string& who, const std::string& reason,
                         const ChildLimits& limits, const std::function<std::string()>& work);

/// Raises the processor time limit of the calling child process.
void allow_more_time(unsigned seconds);

}  // namespace ridgeline::io
