#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/random.hpp"

namespace ridgeline::kernels {

// Decides which elements a dropout keeps. Philox returns four words per call, and each word decides
// on one element: 16 calls decide on a block of 64 elements, word w of call c on element 16 w + c,
// so that the elements of a vector or a warp are contiguous.

inline constexpr std::size_t kDropoutCalls = 16;
inline constexpr std::size_t kDropoutBlock = 4 * kDropoutCalls;

/// The mask of one layer, which differs between steps and is the same on every space.
struct DropoutMask {
  std::uint64_t seed, stream;
  std::uint32_t threshold;  ///< a word below it drops its element
  double scale;             ///< of the elements that are kept: 1 / (1 - rate)

  DropoutMask(std::uint64_t seed_of, std::uint64_t stream_of, double rate)
      : seed(seed_of),
        stream(stream_of),
        threshold(static_cast<std::uint32_t>(std::min(rate * 0x1.0p32, 0x1.0p32 - 1))),
        scale(1 / (1 - rate)) {}

  /// Returns the counter of call `index` of a step; a step has 2^32 calls.
  RIDGELINE_FUNCTION static std::uint64_t counter(std::int64_t step, std::size_t index) {
    return static_cast<std::uint64_t>(step) << 32 | static_cast<std::uint64_t>(index);
  }
};

}  // namespace ridgeline::kernels
