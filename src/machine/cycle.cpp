#include "machine/cycle.hpp"

#include <numeric>
#include <utility>

#include "core/random.hpp"

namespace ridgeline::machine {

std::vector<std::uint32_t> random_cycle(std::size_t nodes, std::uint64_t seed) {
  std::vector<std::uint32_t> next(nodes);
  std::iota(next.begin(), next.end(), 0u);
  // Sattolo's shuffle: as Fisher and Yates's, but i is never exchanged with itself.
  for (std::size_t i = nodes; i-- > 1;) {
    const Philox random(seed, stream::kProbe, i);
    std::swap(next[i], next[random.below(static_cast<std::uint32_t>(i))]);
  }
  return next;
}

}  // namespace ridgeline::machine
