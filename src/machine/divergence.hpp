#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/views.hpp"

namespace ridgeline::machine {

/// The most different paths that `DivergentWork` has.
inline constexpr int kMostPaths = 32;

/// Which of the paths an iteration takes.
enum class Arrangement {
  sorted,       ///< all of the first path, then all of the second …: neighbours take the same
  alternating,  ///< i modulo paths: neighbours differ, in a pattern
  random,       ///< by Philox: neighbours differ, and nothing foresees how
};
/// "sorted", "alternating", "random".
std::string to_string(Arrangement arrangement);

/// The same arithmetic in up to 32 different paths: an iteration loads its number, takes one of the
/// paths (a switch), and does `kFlops` FLOPs there, fused multiply-adds whose signs make up the
/// path's number, so that no two paths are the same code and all take as long.
template <class Space>
class DivergentWork {
 public:
  /// Of five fused multiply-adds. A device gets more, so that arithmetic outweighs its memory too.
  static constexpr int kRounds = kIsHost<Space> ? 8 : 128;
  static constexpr int kFlops = 10 * kRounds;  ///< an iteration

  /// `iterations` numbers, random.
  DivergentWork(const Space& instance, std::size_t iterations);

  /// Gives every iteration its path out of `paths` (1 to 32).
  void prepare(int paths, Arrangement arrangement);

  /// Launches all iterations.
  void run() const;

  /// The same work of path 0 alone, known to the compiler: no number is loaded and nothing is
  /// chosen, so that it may work on several iterations at once.
  void run_straight() const;

  /// Whether the last run, straight or not, left what a plain loop on the host computes, to a few
  /// roundings.
  bool verify() const;

 private:
  Space instance_;
  Buffer<Space, float> input_, output_;
  Buffer<Space, std::uint8_t> path_;
};

/// How an array is read.
enum class Access {
  regular,    ///< neighbours after each other
  gathered,   ///< at places that another array names, which are known in time
  dependent,  ///< at the place that the load before named: one chain a thread
};
/// "regular", "gathered", "dependent".
std::string to_string(Access access);

/// Reads an array of 32-bit numbers in one of three ways. The numbers are the successors on one
/// random cycle through the array; a gathered read also reads the array in order, for the places.
template <class Space>
class ReadAccess {
 public:
  /// `size` is from `least(instance)` to kMost.
  ReadAccess(const Space& instance, std::size_t size);

  /// The most numbers: more have no number of 32 bits.
  static constexpr std::size_t kMost = 0xffffffff;
  /// The fewest: 64 for each chain.
  static std::size_t least(const Space& instance) {
    return 64 * static_cast<std::size_t>(instance.concurrency());
  }

  /// Launches a read of all numbers; of `dependent`, a part of every chain, which goes on from
  /// launch to launch.
  void run(Access access);

  /// Whether the last run's sum is right.
  bool verify(Access access) const;

  /// Numbers that a launch reads.
  std::size_t reads(Access access) const;
  std::size_t size() const { return next_.size(); }
  /// Threads that follow a chain each.
  int chains() const { return chains_; }

 private:
  Space instance_;
  int chains_;
  Buffer<Space, std::uint32_t> next_;
  Buffer<Space, std::uint32_t> at_;    // where each chain is
  Buffer<Space, std::uint64_t> sums_;  // one of a host, a device's teams' otherwise
  long steps_ = 0;                     // of every chain so far
};

}  // namespace ridgeline::machine
