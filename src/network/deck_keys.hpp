#pragma once

#include <vector>

#include "config/key_reference.hpp"

namespace ridgeline::network {

/// Returns every key that decks may have, in the order of a deck, from the code that reads them.
/// Contains the keys of layers that were added (layers::add_layer_kind).
std::vector<config::DescribedTable> deck_keys();

}  // namespace ridgeline::network
