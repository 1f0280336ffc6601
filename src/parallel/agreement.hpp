#pragma once

#include <string>
#include <utility>
#include <vector>

#include "parallel/ranks.hpp"

namespace ridgeline::parallel {

/// Compares what every rank has, as names and values: {"deck", its text}. Throws RequestError on
/// every rank, naming the first difference: "rank 2 has another deck than rank 0".
void require_agreement(const Ranks& ranks,
                       const std::vector<std::pair<std::string, std::string>>& values);

}  // namespace ridgeline::parallel
