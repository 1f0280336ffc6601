#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/dataset.hpp"

namespace ridgeline::data {

/// Puts tokens below `limit` into `split.inputs` as the smallest integers that hold them.
void store_tokens(std::vector<std::uint32_t> tokens, std::size_t limit, Split& split);

/// Throws RequestError where there are more samples than an order of them can number.
void require_sample_count(std::size_t samples, const std::string& source);

}  // namespace ridgeline::data
