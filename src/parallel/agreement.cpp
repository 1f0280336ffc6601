#include "parallel/agreement.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace ridgeline::parallel {

void require_agreement(const Ranks& ranks,
                       const std::vector<std::pair<std::string, std::string>>& values) {
  if (ranks.size() == 1) return;
  for (const auto& [name, value] : values) {
    const std::vector<std::string> all = ranks.gather(value);
    for (std::size_t rank = 1; rank < all.size(); ++rank) {
      if (all[rank] == all[0]) continue;
      throw RequestError(fmt::format("rank {} has another {} than rank 0", rank, name));
    }
  }
}

}  // namespace ridgeline::parallel
