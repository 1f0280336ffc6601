#pragma once

namespace ridgeline::machine::host {

/// The maximum number of chains of `chase_chains`.
inline constexpr int kMostChains = 32;

/// Follows `chains` (1 to kMostChains) independent lists of pointers, one load of each in turn,
/// `steps` loads each, from `at` and back into it. A load depends only on the one
/// before in its own chain, so that a core has up to `chains` of them in flight.
void chase_chains(void** at, int chains, long steps);

}  // namespace ridgeline::machine::host
