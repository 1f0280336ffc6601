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

/// The range and the repetitions of the chain probe of a host.
struct ChainOptions {
  std::size_t smallest_arena = std::size_t{64} << 10, largest_arena = std::size_t{256} << 20;
  /// Bytes per pass.
  std::size_t smallest = std::size_t{16} << 10, largest = std::size_t{16} << 20;
  /// Also an arena of twice the last caches of the threads, with passes of `largest` bytes alone,
  /// if it is larger than the others and not larger than this.
  std::size_t largest_beyond_caches = 0;
  int repeats = 7;
  double min_seconds = 0.01;      ///< of timed work per point, at least
  std::function<bool()> stopped;  ///< called before each point; may be empty
};

/// One pass of a chain of kernels that pass buffers to each other through an arena, as the layers
/// of a step do: pass i reads what pass i - 1 wrote (triad: and pass i - 2) and writes a buffer
/// that was last used one round through the arena before.
struct ChainPoint {
  /// read (which writes nothing, so that from_other is false), scale or triad. With two threads the
  /// same thread always wrote triad's operand of two passes ago, so that a third of its bytes are
  /// own even if from_other is set: scale alone is the rate of data from other threads.
  StreamKernel kernel = StreamKernel::scale;
  int threads = 1;
  /// False: a thread reads what it wrote itself. True: what the next thread wrote, with a barrier
  /// between passes.
  bool from_other = false;
  std::size_t bytes = 0;        ///< read and written by a pass
  std::size_t arena_bytes = 0;  ///< of all buffers
  Timing seconds;               ///< one pass
  double gbytes_per_second() const { return 1e-9 * static_cast<double>(bytes) / seconds.min; }
};

/// Returns `options` with arenas of at most `bytes`, such as a share of the free memory. Appends a
/// note if arenas are left out.
ChainOptions bounded_arenas(ChainOptions options, std::size_t bytes,
                            std::vector<std::string>& notes);

/// Measures chains with all threads of a host's space; if it has several, also with data of other
/// threads. Throws RunError for a wrong result.
std::vector<ChainPoint> chain_ladder(SpaceKind space, const ChainOptions& options,
                                     const Progress& progress = {});

}  // namespace ridgeline::machine
