#pragma once

#include <cstddef>

#include "parallel/ranks.hpp"

namespace ridgeline::parallel {

/// The samples of a batch that this rank has.
struct BatchPart {
  const Ranks* ranks = nullptr;  ///< null: the whole batch is here
  std::size_t before = 0;        ///< samples of the batch on earlier ranks
  std::size_t together = 0;      ///< samples of the batch on all ranks

  bool is_whole() const { return ranks == nullptr; }
};

}  // namespace ridgeline::parallel
