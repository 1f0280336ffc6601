#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ridgeline::machine {

/// Returns a single random cycle through `nodes` nodes: next[i] is the node after i. Every cycle
/// through all of them is equally likely (Sattolo, "An algorithm to generate a random cyclic
/// permutation", Information Processing Letters 22, 1986), with random numbers from Philox. At most
/// 2^32 - 1 nodes.
std::vector<std::uint32_t> random_cycle(std::size_t nodes, std::uint64_t seed);

}  // namespace ridgeline::machine
