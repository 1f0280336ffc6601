#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace ridgeline::testing {

/// Resources used by this process and by the children that it has waited for.
struct Usage {
  double seconds = 0;       ///< of processors
  long peak_kilobytes = 0;  ///< of the larger
};

inline Usage usage() {
  Usage result;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    getrusage(who, &used);
    for (const timeval& time : {used.ru_utime, used.ru_stime}) {
      result.seconds += static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    }
    result.peak_kilobytes = std::max(result.peak_kilobytes, used.ru_maxrss);
  }
  return result;
}

}  // namespace ridgeline::testing
