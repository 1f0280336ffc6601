#include "data/shuffle.hpp"

#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace ridgeline::data {

std::vector<std::uint32_t> epoch_order(std::size_t samples, std::uint64_t seed, std::uint64_t epoch,
                                       bool shuffle) {
  std::vector<std::uint32_t> order(samples);
  std::iota(order.begin(), order.end(), 0u);
  if (!shuffle) return order;
  for (std::size_t i = samples; i > 1; --i) {
    const Philox random(seed, stream::kShuffle + epoch, i);
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  }
  return order;
}

}  // namespace ridgeline::data
