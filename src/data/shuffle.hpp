#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ridgeline::data {

/// The order in which epoch `epoch`, counted from 0, visits `samples` samples (at most 2^32 - 1):
/// a permutation by Fisher and Yates with Philox, the same on every machine; or 0, 1, 2 … without
/// `shuffle`.
std::vector<std::uint32_t> epoch_order(std::size_t samples, std::uint64_t seed, std::uint64_t epoch,
                                       bool shuffle);

}  // namespace ridgeline::data
