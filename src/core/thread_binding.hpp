#pragma once

#include <string>
#include <vector>

#include "core/topology.hpp"

namespace ridgeline {

/// How the host's threads are bound to processors.
struct Binding {
  enum class Kind {
    automatic,  ///< the environment's OMP_PROC_BIND, else spread over processors that are free
    none,       ///< any thread on any processor
    compact,    ///< neighbouring processors: siblings of a core, then the next core
    spread,     ///< as far apart as possible: packages, NUMA domains, caches, cores; siblings last
    list        ///< these processors, in this order
  };
  Kind kind = Kind::automatic;
  std::vector<int> processors;  ///< of a list

  /// Reads "none", "compact", "spread" or a list such as "0,2-5". Throws RequestError.
  static Binding parse(const std::string& text);
};

/// Returns the processor of each of `count` threads among `allowed`, of which there are as many at
/// least: the set that `kind` (compact or spread) chooses, in the order of the topology, so that
/// threads with neighbouring numbers are close. Spread counts the processors that other processes
/// hold as load on their core, cache, NUMA domain and package, and takes them last.
std::vector<int> choose_processors(const Topology& topology, const std::vector<int>& allowed,
                                   Binding::Kind kind, int count,
                                   const std::vector<int>& held = {});

/// Returns the processors to which a thread of another process is pinned that is running there: a
/// thread that may run on no more than one core and is ready to run, or in the kernel, at one of
/// several looks in a few milliseconds. Kernel threads do not count, nor what /proc hides.
///
/// With `of_earlier`, only of processes that were started before this one: so of two that pinned
/// themselves at the same time one gives way.
std::vector<int> processors_held_by_others(const Topology& topology, bool of_earlier = false,
                                           const std::string& root = "/");

}  // namespace ridgeline
