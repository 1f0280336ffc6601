#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ridgeline::data {

/// Returns the order of `samples` samples (at most 2^32 - 1) in epoch `epoch`, counted from 0: a
/// Fisher-Yates permutation with Philox, identical on every machine; or 0, 1, 2 … without
/// `shuffle`.
std::vector<std::uint32_t> epoch_order(std::size_t samples, std::uint64_t seed, std::uint64_t epoch,
                                       bool shuffle);

}  // namespace ridgeline::data
