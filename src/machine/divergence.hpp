#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/views.hpp"

namespace ridgeline::machine {

/// The maximum number of paths of `DivergentWork`.
inline constexpr int kMostPaths = 32;

/// How paths are assigned to iterations.
enum class Arrangement {
  sorted,       ///< all of the first path, then all of the second …
  alternating,  ///< i modulo paths: adjacent ones differ, in a pattern
  random,       ///< by Philox: adjacent ones differ unpredictably
};
/// Returns "sorted", "alternating" or "random".
std::string to_string(Arrangement arrangement);

/// The same arithmetic in up to 32 different paths: an iteration loads its value, takes one of the
/// paths (a switch), and does `kFlops` FLOPs there. The signs of the fused multiply-adds are the
/// bits of the path's index, so that no two paths have the same code and all take the same time.
template <class Space>
class DivergentWork {
 public:
  /// Rounds of five fused multiply-adds. A device has more, so that arithmetic and not memory
  /// limits it.
  static constexpr int kRounds = kIsHost<Space> ? 8 : 128;
  static constexpr int kFlops = 10 * kRounds;  ///< per iteration

  /// Fills `iterations` random values.
  DivergentWork(const Space& instance, std::size_t iterations);

  /// Assigns every iteration one of `paths` (1 to 32) paths.
  void prepare(int paths, Arrangement arrangement);

  /// Launches all iterations.
  void run() const;

  /// Launches the same work with path 0 alone, known at compile time: there is no branch,
  /// so that the compiler may vectorise over iterations.
  void run_straight() const;

  /// Returns whether the results of the last run, straight or not, equal those of a plain loop on
  /// the host, up to a few roundings.
  bool verify() const;

 private:
  Space instance_;
  Buffer<Space, float> input_, output_;
  Buffer<Space, std::uint8_t> path_;
};

/// The order in which an array is read.
enum class Access {
  regular,    ///< consecutive elements
  gathered,   ///< at indices from another array, known beforehand
  dependent,  ///< at the index that the load before returned: one chain per thread
};
/// Returns "regular", "gathered" or "dependent".
std::string to_string(Access access);

/// Reads an array of 32-bit integers in one of three orders. Each element is the index of its
/// successor on one random cycle through the array; a gathered read also reads the array in order,
/// for the indices.
template <class Space>
class ReadAccess {
 public:
  /// `size` is from `least(instance)` to kMost.
  ReadAccess(const Space& instance, std::size_t size);

  /// The maximum size: the indices have 32 bits.
  static constexpr std::size_t kMost = 0xffffffff;
  /// Returns the minimum size: 64 elements per chain.
  static std::size_t least(const Space& instance) {
    return 64 * static_cast<std::size_t>(instance.concurrency());
  }

  /// Launches a read of all elements; for `dependent`, of a part of every chain, which the next
  /// launch continues.
  void run(Access access);

  /// Returns whether the last run's sum is correct.
  bool verify(Access access) const;

  /// Returns the number of elements that a launch reads.
  std::size_t reads(Access access) const;
  std::size_t size() const { return next_.size(); }
  /// Returns the number of threads, each of which follows one chain.
  int chains() const { return chains_; }

 private:
  Space instance_;
  int chains_;
  Buffer<Space, std::uint32_t> next_;
  Buffer<Space, std::uint32_t> at_;    // the index of each chain
  Buffer<Space, std::uint64_t> sums_;  // one on a host, one per team on a device
  long steps_ = 0;                     // of every chain so far
};

}  // namespace ridgeline::machine
