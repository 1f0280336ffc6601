#pragma once

#include <cmath>
#include <cstdint>

#include "core/function.hpp"

namespace ridgeline {

/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (SC 2011). A number depends only on key and counter, so a seed
/// produces the same numbers on every space and with any number of threads.
struct Philox {
  std::uint32_t word[4];

  /// Computes the four words at position `counter` of stream `stream` of `seed`.
  RIDGELINE_FUNCTION Philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
    word[0] = static_cast<std::uint32_t>(counter);
    word[1] = static_cast<std::uint32_t>(counter >> 32);
    word[2] = static_cast<std::uint32_t>(stream);
    word[3] = static_cast<std::uint32_t>(stream >> 32);
    Key key(seed);
    for (int i = 0; i < kRounds; ++i) {
      round(key, word[0], word[1], word[2], word[3]);
      key.next();
    }
  }

  static constexpr int kRounds = 10;

  /// Key of a seed; changes with every round.
  struct Key {
    std::uint32_t low, high;
    RIDGELINE_FUNCTION explicit Key(std::uint64_t seed)
        : low(static_cast<std::uint32_t>(seed)), high(static_cast<std::uint32_t>(seed >> 32)) {}
    RIDGELINE_FUNCTION void next() {
      low += 0x9E3779B9u;
      high += 0xBB67AE85u;
    }
  };

  /// Computes one round, for vectorised callers.
  RIDGELINE_FUNCTION static void round(Key key, std::uint32_t& word0, std::uint32_t& word1,
                                       std::uint32_t& word2, std::uint32_t& word3) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * word0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * word2;
    word0 = static_cast<std::uint32_t>(product1 >> 32) ^ word1 ^ key.low;
    word2 = static_cast<std::uint32_t>(product0 >> 32) ^ word3 ^ key.high;
    word1 = static_cast<std::uint32_t>(product1);
    word3 = static_cast<std::uint32_t>(product0);
  }

  /// Returns a uniform number in [0, 1) with 53 random bits, from words 2·pair and 2·pair + 1 (pair
  /// 0 or 1).
  RIDGELINE_FUNCTION double uniform(int pair) const {
    const std::uint64_t bits = (std::uint64_t{word[2 * pair]} << 32) | word[2 * pair + 1];
    return static_cast<double>(bits >> 11) * 0x1.0p-53;
  }

  /// Returns a standard normal number by the Box-Muller transform, from all four words.
  RIDGELINE_FUNCTION double normal() const {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(0)));
    return radius * std::cos(6.283185307179586476925 * uniform(1));
  }

  /// Returns a uniform integer in [0, bound), bound < 2^32, from word `index`; the bias is below
  /// bound / 2^32.
  RIDGELINE_FUNCTION std::uint32_t below(std::uint32_t bound, int index = 0) const {
    return static_cast<std::uint32_t>((std::uint64_t{word[index]} * bound) >> 32);
  }
};

/// Streams of one seed, one per purpose, so that no two purposes share numbers.
namespace stream {
constexpr std::uint64_t kShuffle = 1ull << 40;     ///< + epoch
constexpr std::uint64_t kSynthetic = 2ull << 40;   ///< + split
constexpr std::uint64_t kParameters = 3ull << 40;  ///< + index of the parameter tensor
constexpr std::uint64_t kProbe = 4ull << 40;       ///< data of measurements
constexpr std::uint64_t kDropout = 5ull << 40;     ///< + index of the layer
constexpr std::uint64_t kAugment = 6ull << 40;     ///< + epoch
constexpr std::uint64_t kGenerate = 7ull << 40;    ///< sampling of generated text
}  // namespace stream

}  // namespace ridgeline
