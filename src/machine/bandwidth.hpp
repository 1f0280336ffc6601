#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "machine/host_stream.hpp"
#include "machine/pages.hpp"
#include "machine/probe.hpp"

namespace ridgeline::machine {

/// Returns "read", "write", "copy", "scale" or "triad".
std::string to_string(StreamKernel kernel);

/// The kernels in the order in which they are measured.
inline constexpr StreamKernel kStreamKernels[] = {StreamKernel::read, StreamKernel::write,
                                                  StreamKernel::copy, StreamKernel::scale,
                                                  StreamKernel::triad};

/// Smaller working sets need no huge pages: the TLB covers them.
inline constexpr std::size_t kLeastHugeBytes = std::size_t{4} << 20;

/// Returns "ordinary" or "non-temporal".
std::string to_string(Stores stores);

/// The range and the repetitions of the bandwidth ladder.
struct BandwidthOptions {
  std::size_t smallest = std::size_t{16} << 10;  ///< working set: all arrays together, bytes
  std::size_t largest = std::size_t{1} << 30;
  int per_octave = 2;
  int repeats = 7;              ///< at least
  double min_seconds = 0.02;    ///< of timed work per point, at least
  double budget_seconds = 1e9;  ///< see LadderOrder
  int threads = 0;              ///< of a host: the first `threads`; 0: all
  /// Of a host, alternately; huge pages in working sets of kLeastHugeBytes or more.
  std::vector<Pages> pages = {Pages::ordinary};
  /// On a host also with non-temporal stores, in working sets beyond the last caches of all threads
  /// that stream and in the largest.
  bool nontemporal = false;
  std::function<bool()> stopped;  ///< called before each working set; may be empty
};

/// One kernel on one working set.
struct BandwidthPoint {
  StreamKernel kernel = StreamKernel::read;
  std::size_t working_set_bytes = 0;  ///< of all arrays, and of one pass
  Pages pages = Pages::ordinary;      ///< as requested
  Stores stores = Stores::ordinary;
  int threads = 0;             ///< host threads; on a device those it runs at once
  Timing seconds;              ///< one pass
  long passes = 1;             ///< in one launch
  std::size_t huge_bytes = 0;  ///< of the arrays, on huge pages

  /// Returns whether most of the arrays lie on huge pages.
  bool on_huge_pages() const { return 2 * huge_bytes >= working_set_bytes; }

  /// Returns the rate of the best repetition (GB = 10^9 bytes), in BabelStream's convention: see
  /// StreamKernel.
  double gbytes_per_second() const {
    return 1e-9 * static_cast<double>(working_set_bytes) / seconds.min;
  }
};

/// Measures the five streaming kernels over working sets, with all threads of the space or fewer;
/// Serial measures one thread of a host. A launch of a small set makes enough passes to hide its
/// dispatch. Results are verified after timing; throws RunError if one is wrong. Appends to `notes`
/// what was left out.
std::vector<BandwidthPoint> bandwidth_ladder(SpaceKind space, const BandwidthOptions& options,
                                             const Progress& progress = {},
                                             std::vector<std::string>* notes = nullptr);

}  // namespace ridgeline::machine
