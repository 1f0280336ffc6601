#include "core/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace ridgeline {
namespace {

constexpr int kNumbers = 100000;

// Random123, tests/kat_vectors, the lines `philox4x32 10`: counter, key, result.
struct KnownAnswer {
  std::uint32_t counter[4], key[2], result[4];
};
constexpr KnownAnswer kKnownAnswers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};

std::uint64_t joined(std::uint32_t low, std::uint32_t high) {
  return (std::uint64_t{high} << 32) | low;
}

TEST(Philox, GivesThePublishedAnswers) {
  for (const KnownAnswer& known : kKnownAnswers) {
    const Philox random(joined(known.key[0], known.key[1]),
                        joined(known.counter[2], known.counter[3]),
                        joined(known.counter[0], known.counter[1]));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(random.word[i], known.result[i]);
  }
}

TEST(Philox, SeedStreamAndCounterEachChangeEveryWord) {
  const Philox first(1, 2, 3);
  for (const Philox& other : {Philox(2, 2, 3), Philox(1, 3, 3), Philox(1, 2, 4),
                              Philox(1ull << 32, 2, 3), Philox(1, 1ull << 40, 3)}) {
    for (int i = 0; i < 4; ++i) EXPECT_NE(first.word[i], other.word[i]);
  }
}

TEST(Philox, UniformLiesInTheHalfOpenUnitInterval) {
  Philox random(1, 2, 3);
  std::fill(random.word, random.word + 4, 0u);
  EXPECT_EQ(random.uniform(0), 0.0);
  EXPECT_EQ(random.uniform(1), 0.0);
  std::fill(random.word, random.word + 4, 0xffffffffu);
  EXPECT_LT(random.uniform(0), 1.0);
  EXPECT_EQ(random.uniform(0), 1.0 - 0x1.0p-53);
}

// Pearson's statistic of `counts` against equal probabilities, in standard deviations of it.
double chi_square_deviation(const std::vector<int>& counts) {
  double total = 0;
  for (const int count : counts) total += count;
  const double expected = total / double(counts.size());
  double statistic = 0;
  for (const int count : counts) statistic += (count - expected) * (count - expected) / expected;
  const double freedom = double(counts.size()) - 1;
  return (statistic - freedom) / std::sqrt(2 * freedom);
}

TEST(Philox, UniformFillsItsIntervalEvenlyAndItsPairsAreIndependent) {
  std::vector<int> first(64), second(64), both(64);
  for (int i = 0; i < kNumbers; ++i) {
    const Philox random(7, stream::kProbe, std::uint64_t(i));
    const double a = random.uniform(0), b = random.uniform(1);
    ++first[std::size_t(64 * a)];
    ++second[std::size_t(64 * b)];
    ++both[8 * std::size_t(8 * a) + std::size_t(8 * b)];
  }
  EXPECT_LT(std::abs(chi_square_deviation(first)), 4);
  EXPECT_LT(std::abs(chi_square_deviation(second)), 4);
  EXPECT_LT(std::abs(chi_square_deviation(both)), 4);
}

TEST(Philox, NeighbouringStreamsAreIndependent) {
  std::vector<int> both(64);
  for (int i = 0; i < kNumbers; ++i) {
    const double a = Philox(7, stream::kParameters, std::uint64_t(i)).uniform(0);
    const double b = Philox(7, stream::kParameters + 1, std::uint64_t(i)).uniform(0);
    ++both[8 * std::size_t(8 * a) + std::size_t(8 * b)];
  }
  EXPECT_LT(std::abs(chi_square_deviation(both)), 4);
}

TEST(Philox, NormalHasTheNormalDistribution) {
  std::vector<double> values;
  for (int i = 0; i < kNumbers; ++i) values.push_back(Philox(7, 1, std::uint64_t(i)).normal());
  std::sort(values.begin(), values.end());
  // The Kolmogorov-Smirnov statistic: the maximum distance between the distributions.
  double distance = 0;
  for (int i = 0; i < kNumbers; ++i) {
    const double expected = 0.5 * std::erfc(-values[std::size_t(i)] / std::sqrt(2.0));
    distance = std::max({distance, std::abs(expected - double(i) / kNumbers),
                         std::abs(expected - double(i + 1) / kNumbers)});
  }
  EXPECT_LT(distance * std::sqrt(double(kNumbers)), 1.63);  // exceeded by chance once in 100
  EXPECT_GT(values.back(), 3.5);                            // the tails are there
  EXPECT_LT(values.front(), -3.5);
}

TEST(Philox, NormalIsFiniteForEveryWord) {
  Philox random(1, 2, 3);
  for (const std::uint32_t word : {0u, 0xffffffffu}) {
    std::fill(random.word, random.word + 4, word);
    EXPECT_TRUE(std::isfinite(random.normal()));
  }
}

TEST(Philox, BelowReachesEveryNumberEvenlyAndNeverTheBound) {
  for (const std::uint32_t bound : {1u, 2u, 3u, 10u, 97u}) {
    std::vector<int> counts(bound);
    for (int i = 0; i < kNumbers; ++i) {
      const std::uint32_t value = Philox(3, 5, std::uint64_t(i)).below(bound, i % 4);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    if (bound > 1) {
      EXPECT_LT(std::abs(chi_square_deviation(counts)), 4) << bound;
    }
  }
  Philox random(1, 2, 3);
  random.word[0] = 0xffffffffu;
  EXPECT_EQ(random.below(0xffffffffu), 0xfffffffeu);
}

TEST(Streams, LeaveRoomForTheirIndices) {
  const std::set<std::uint64_t> streams = {stream::kShuffle, stream::kSynthetic,
                                           stream::kParameters, stream::kProbe};
  ASSERT_EQ(streams.size(), 4u);
  std::uint64_t before = 0;
  for (const std::uint64_t stream : streams) {
    EXPECT_GE(stream - before, 1ull << 32);  // an epoch or a parameter never reaches the next
    before = stream;
  }
}

}  // namespace
}  // namespace ridgeline
