#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "machine/pages.hpp"
#include "machine/probe.hpp"

namespace ridgeline::machine {

/// Distance between the nodes of a pointer chase: two lines of most CPUs, so that a prefetch
/// of the adjacent line is never used; one line of a GPU.
inline constexpr std::size_t kNodeStride = 128;

/// The range and the repetitions of the latency ladder.
struct LatencyOptions {
  std::size_t smallest = std::size_t{16} << 10;  ///< working set, bytes
  std::size_t largest = std::size_t{1} << 30;
  int per_octave = 4;
  std::vector<Pages> pages = {Pages::small, Pages::huge};  ///< of a host: memory for each
  int repeats = 7;                                         ///< at least; the latency is the minimum
  long loads = 1000000;         ///< of all repeats together, at least; and one whole cycle
  double min_seconds = 0.02;    ///< of timed loads per point, at least
  double budget_seconds = 1e9;  ///< after that, only sets in cache are added
  std::uint64_t seed = 1;
  std::function<bool()> stopped;  ///< called before each point; may be empty
};

/// One working set on one kind of pages.
struct LatencyPoint {
  std::size_t working_set_bytes = 0;
  std::string pages;  ///< "4KiB" (the base page's size) or "huge"
  Timing seconds;     ///< a dependent load; the minimum is the latency
  long loads_per_repeat = 0;
};

/// Measures the seconds of a dependent load over working sets: one thread follows a single random
/// cycle through nodes kNodeStride apart (Sattolo's shuffle), at least once over all repeats
/// together, each of which continues where the one before stopped.
///
/// On a host it alternates between small and huge pages; huge ones are left out if Linux does
/// not provide them. On a device one thread runs in a kernel so long that its launch is
/// negligible; device memory lies on huge pages. Appends to `notes` what was left out.
std::vector<LatencyPoint> latency_ladder(SpaceKind space, const LatencyOptions& options,
                                         const Progress& progress = {},
                                         std::vector<std::string>* notes = nullptr);

}  // namespace ridgeline::machine
