#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "network/network.hpp"

namespace ridgeline::network {

/// How text is drawn from a network.
struct GenerateOptions {
  std::size_t length = 200;  ///< tokens to draw
  double temperature = 1.0;  ///< logits are divided by it; 0 always takes the likeliest
  std::uint64_t seed = 1;
};

/// Draws tokens one after the other from a network that gives logits [length, vocabulary] for
/// tokens [length], each from what it says at the last token so far. `prompt` holds at least one
/// token; of what is longer than the network's length, it sees the end. `emit` is told each drawn
/// token. Which is drawn depends on the seed and the logits alone.
template <class Space, class T>
void generate(Network<Space, T>& network, const std::vector<std::int32_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::int32_t)>& emit);

/// The token that logits [count] give for a uniform number in [0, 1).
template <class T>
std::int32_t draw(const T* logits, std::size_t count, double temperature, double uniform);

}  // namespace ridgeline::network
