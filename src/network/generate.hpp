#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "network/network.hpp"

namespace ridgeline::network {

/// Options for the generation of text.
struct GenerateOptions {
  std::size_t length = 200;  ///< tokens to generate
  double temperature = 1.0;  ///< logits are divided by it; 0 selects the most likely
  std::uint64_t seed = 1;
};

/// Generates tokens one after the other with a network that computes logits [length, vocabulary]
/// from tokens [length], each from the logits at the last token so far. `prompt` holds at least one
/// token; if it is longer than the network's length, only its end is used. `emit` is called with
/// each token. The result depends on the seed and the logits alone.
template <class Space, class T>
void generate(Network<Space, T>& network, const std::vector<std::int32_t>& prompt,
              const GenerateOptions& options, const std::function<void(std::int32_t)>& emit);

/// Returns the token that a uniform number in [0, 1) selects by the softmax of logits [count].
template <class T>
std::int32_t draw(const T* logits, std::size_t count, double temperature, double uniform);

}  // namespace ridgeline::network
