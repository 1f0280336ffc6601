#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/views.hpp"
#include "machine/pages.hpp"

namespace ridgeline::machine {

/// Returns the bytes that a load transfers from memory: a line of a host's cache, a sector of a
/// device's.
std::size_t bytes_per_load(SpaceKind space);

/// Independent chains of dependent loads, for bandwidth against loads in flight: `threads` threads
/// follow `chains` chains each. On a host a thread's chains lie in its own part of the working set,
/// first touched by it, evenly spaced on one random cycle through nodes kNodeStride apart; on a
/// device all lie on one cycle. The distance to the nodes that the next chain has loaded is a whole
/// part, so that a set larger than the caches has no hits there.
template <class Space>
class ChainedLoads {
 public:
  /// Allocates `working_set` bytes in total, on a host on `pages`. `threads` is
  /// the maximum for prepare(), on a host at most the space's. Throws RunError if memory is
  /// insufficient.
  ChainedLoads(const Space& instance, std::size_t working_set, int threads,
               Pages pages = Pages::huge);

  /// Sets `chains` (1 to 32; on a device 1, 2, 4 or 8) chains of each of `threads` threads to their
  /// beginnings. On a host each thread does so for its part.
  void prepare(int threads, int chains);

  /// Launches `steps` loads of every chain; each continues where the launch before ended.
  void run(long steps);

  /// Launches a read of every node at addresses known beforehand, in the same random order:
  /// independent loads, whose pattern no hardware prefetcher detects.
  void run_independent();

  /// Returns whether the last independent read's sum is correct.
  bool verify_independent() const;

  /// Returns the number of loads of an independent read.
  double independent_loads() const { return static_cast<double>(part_nodes_ * parts_); }

  /// Returns whether every chain is at the node that the loads since prepare() lead to.
  bool verify() const;

  /// Returns the number of loads of all chains together in `steps` steps.
  double loads(long steps) const {
    return static_cast<double>(steps) * static_cast<double>(threads_) * chains_;
  }

 private:
  /// Calls `body(slot, node)` for every chain: its index in at_, and its node after `steps` loads.
  template <class Body>
  void for_chains(long steps, const Body& body) const;

  Space instance_;
  int threads_, chains_ = 1;
  std::size_t parts_, part_nodes_;                 // cycles, nodes per cycle
  long steps_ = 0;                                 // since prepare
  std::vector<std::vector<std::uint32_t>> route_;  // of each part: nodes in the order of the cycle
  std::unique_ptr<PageBuffer> pages_;              // a host's memory
  Buffer<Space, char> buffer_;                     // a device's memory
  char* memory_ = nullptr;
  Buffer<Space, std::uint32_t> device_route_;  // the device's copy of its route
  Buffer<Space, std::uintptr_t> at_;           // [thread, kMostChains]: each chain's node
  Buffer<Space, std::uint64_t> sums_;          // of an independent read: one, or one per team
};

}  // namespace ridgeline::machine
