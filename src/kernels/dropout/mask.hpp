#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/random.hpp"

namespace ridgeline::kernels {

// Which elements a dropout keeps. Philox returns four words per call and each decides one element:
// a block of 64 elements is decided by 16 calls, word w of call c being that of element 16 w + c,
// so that a vector or a warp of neighbours holds neighbours.

inline constexpr std::size_t kDropoutCalls = 16;
inline constexpr std::size_t kDropoutBlock = 4 * kDropoutCalls;

/// The mask of one layer, another in every step; the same on every space.
struct DropoutMask {
  std::uint64_t seed, stream;
  std::uint32_t threshold;  ///< a word below it drops its element
  double scale;             ///< of what is kept: 1 / (1 - rate)

  DropoutMask(std::uint64_t seed_of, std::uint64_t stream_of, double rate)
      : seed(seed_of),
        stream(stream_of),
        threshold(static_cast<std::uint32_t>(std::min(rate * 0x1.0p32, 0x1.0p32 - 1))),
        scale(1 / (1 - rate)) {}

  /// The counter of call `index` of a step, which has 2^32 of them.
  RIDGELINE_FUNCTION static std::uint64_t counter(std::int64_t step, std::size_t index) {
    return static_cast<std::uint64_t>(step) << 32 | static_cast<std::uint64_t>(index);
  }
};

}  // namespace ridgeline::kernels
