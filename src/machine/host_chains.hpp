#pragma once

namespace ridgeline::machine::host {

/// The most chains that `chase_chains` follows at once.
inline constexpr int kMostChains = 32;

/// Follows `chains` (1 to kMostChains) independent lists of pointers, one load of each in turn,
/// `steps` loads each, from `at` and back into it. Loads of different chains wait for nothing but
/// their own one before, so that a core has up to `chains` of them in flight.
void chase_chains(void** at, int chains, long steps);

}  // namespace ridgeline::machine::host
