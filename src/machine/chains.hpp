#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/views.hpp"
#include "machine/pages.hpp"

namespace ridgeline::machine {

/// Bytes that a load from memory brings: a line of a host's cache, a sector of a device's.
std::size_t bytes_a_load(SpaceKind space);

/// Independent chains of dependent loads, for bandwidth against loads in flight: `threads` threads
/// follow `chains` chains each. On a host a thread's chains lie in its own part of the working set,
/// first touched by it, on one random cycle through nodes kNodeStride apart, evenly spaced; on a
/// device all lie on one cycle. What a chain's neighbour has touched is a whole part away, so that
/// a set larger than the caches finds nothing there.
template <class Space>
class ChainedLoads {
 public:
  /// `working_set` bytes in all; of a host, `pages` is what they are asked to lie on. `threads` is
  /// the most that there will be, on a host at most the space's. Throws RunError where there is no
  /// memory.
  ChainedLoads(const Space& instance, std::size_t working_set, int threads,
               Pages pages = Pages::huge);

  /// Puts `chains` (1 to 32; on a device 1, 2, 4 or 8) chains of each of `threads` threads at their
  /// beginnings. On a host all threads take part, each in its part.
  void prepare(int threads, int chains);

  /// Launches `steps` loads of every chain; each goes on where the launch before ended.
  void run(long steps);

  /// Launches a read of every node at places known beforehand, in the same random order: loads that
  /// wait for nothing, and that no prefetcher foresees.
  void run_independent();

  /// Whether the last independent read's sum is right.
  bool verify_independent() const;

  /// Loads of an independent read.
  double independent_loads() const { return static_cast<double>(part_nodes_ * parts_); }

  /// Whether every chain is where the loads run since `prepare` lead.
  bool verify() const;

  /// Loads that all chains together make in `steps` steps.
  double loads(long steps) const {
    return static_cast<double>(steps) * static_cast<double>(threads_) * chains_;
  }

 private:
  /// Calls `body(slot, node)` for every chain: where it is kept, and its node after `steps` loads.
  template <class Body>
  void for_chains(long steps, const Body& body) const;

  Space instance_;
  int threads_, chains_ = 1;
  std::size_t parts_, part_nodes_;                 // cycles, and nodes of one
  long steps_ = 0;                                 // since prepare
  std::vector<std::vector<std::uint32_t>> route_;  // of each part: nodes in the order of the cycle
  std::unique_ptr<PageBuffer> pages_;              // a host's memory
  Buffer<Space, char> buffer_;                     // a device's memory
  char* memory_ = nullptr;
  Buffer<Space, std::uint32_t> device_route_;  // a device's copy of its route
  Buffer<Space, std::uintptr_t> at_;           // [thread, kMostChains]: where each chain is
  Buffer<Space, std::uint64_t> sums_;          // of an independent read: one, or a device's teams'
};

}  // namespace ridgeline::machine
