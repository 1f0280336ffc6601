#pragma once

#include <string>
#include <vector>

#include "core/topology.hpp"

namespace ridgeline {

/// Binding of the host threads to processors.
struct Binding {
  enum class Kind {
    automatic,  ///< OMP_PROC_BIND if set, else spread over free processors
    none,       ///< any thread on any processor
    compact,    ///< adjacent processors: siblings of a core, then the next core
    spread,     ///< as far apart as possible: packages, NUMA domains, caches, cores; siblings last
    list        ///< these processors, in this order
  };
  Kind kind = Kind::automatic;
  std::vector<int> processors;  ///< of a list

  /// Reads "none", "compact", "spread" or a list such as "0,2-5". Throws RequestError.
  static Binding parse(const std::string& text);
};

/// Returns the processor of each of `count` threads, selected from `allowed` (at least `count`) by
/// `kind` (compact or spread), in topology order, so that threads with consecutive numbers are
/// close. Spread counts the processors that other processes hold (`held`) as load on their core,
/// cache, NUMA domain and package, and uses them last.
std::vector<int> choose_processors(const Topology& topology, const std::vector<int>& allowed,
                                   Binding::Kind kind, int count,
                                   const std::vector<int>& held = {});

/// Returns the processors on which pinned threads of other processes run. Such a thread may run on
/// one core only, and is runnable or in uninterruptible sleep in one of several samples within a
/// few milliseconds. Kernel threads and processes that /proc hides are not counted.
///
/// With `of_earlier`, considers only processes that started before this one: of two processes that
/// pin themselves at the same time, only one moves.
std::vector<int> processors_held_by_others(const Topology& topology, bool of_earlier = false,
                                           const std::string& root = "/");

}  // namespace ridgeline
