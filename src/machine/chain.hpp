#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "machine/host_stream.hpp"
#include "machine/probe.hpp"

namespace ridgeline::machine {

/// What the probe of chains sweeps; of a host.
struct ChainOptions {
  std::size_t smallest_arena = std::size_t{64} << 10, largest_arena = std::size_t{256} << 20;
  std::size_t smallest = std::size_t{16} << 10, largest = std::size_t{16} << 20;  ///< bytes a pass
  int repeats = 7;
  double min_seconds = 0.01;      ///< of timed work per point, at least
  std::function<bool()> stopped;  ///< called before each point; may be empty
};

/// One pass of a chain of kernels that hand buffers on through an arena, as the layers of a step
/// do: pass i reads what pass i - 1 wrote (triad: and pass i - 2) and writes a buffer that was
/// touched last when the chain came by a whole arena ago.
struct ChainPoint {
  StreamKernel kernel = StreamKernel::scale;  ///< read, scale or triad
  int threads = 1;
  /// Whether a thread reads what it wrote itself, or what its neighbour wrote; the latter with a
  /// barrier between passes.
  bool from_other = false;
  std::size_t bytes = 0;        ///< read and written by a pass
  std::size_t arena_bytes = 0;  ///< of all buffers
  Timing seconds;               ///< one pass
  double gbytes_per_second() const { return 1e-9 * static_cast<double>(bytes) / seconds.min; }
};

/// Measures chains with all threads of a host's space, and, if it has several, handed on to other
/// threads too. Throws RunError for a wrong result.
std::vector<ChainPoint> chain_ladder(SpaceKind space, const ChainOptions& options,
                                     const Progress& progress = {});

}  // namespace ridgeline::machine
