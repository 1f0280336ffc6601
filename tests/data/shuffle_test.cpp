#include "data/shuffle.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ridgeline {
namespace {

using data::epoch_order;
using Order = std::vector<std::uint32_t>;

TEST(EpochOrder, IsAPermutation) {
  for (const std::size_t samples : {0u, 1u, 2u, 7u, 10000u}) {
    Order order = epoch_order(samples, 3, 5, true);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, epoch_order(samples, 3, 5, false)) << samples;
  }
}

TEST(EpochOrder, WithoutShuffleIsTheOrderOfTheData) {
  EXPECT_EQ(epoch_order(4, 3, 5, false), (Order{0, 1, 2, 3}));
}

TEST(EpochOrder, IsPinned) {
  EXPECT_EQ(epoch_order(10, 1, 0, true), (Order{8, 2, 6, 1, 3, 5, 0, 4, 9, 7}));
  EXPECT_EQ(epoch_order(10, 1, 1, true), (Order{7, 9, 8, 5, 4, 2, 0, 3, 6, 1}));
  EXPECT_EQ(epoch_order(10, 2, 0, true), (Order{8, 1, 5, 7, 3, 0, 6, 2, 9, 4}));
}

TEST(EpochOrder, PutsEverySampleAtEveryPlaceEquallyOften) {
  std::vector<std::vector<int>> count(5, std::vector<int>(5, 0));
  constexpr std::uint64_t kEpochs = 5000;
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const Order order = epoch_order(5, 9, epoch, true);
    for (std::size_t place = 0; place < 5; ++place) ++count[place][order[place]];
  }
  // 1000 expected, with a standard deviation of 28.
  for (const auto& place : count) {
    for (const int times : place) EXPECT_NEAR(times, 1000, 150);
  }
}

}  // namespace
}  // namespace ridgeline
