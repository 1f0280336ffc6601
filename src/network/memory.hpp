#pragma once

#include <cstddef>
#include <string>

namespace ridgeline::network {

/// Bytes that a network needs on its space, by purpose.
struct Memory {
  std::size_t parameters = 0, gradients = 0, optimizer = 0, activations = 0, workspace = 0;
  std::size_t total() const { return parameters + gradients + optimizer + activations + workspace; }
};

/// Bytes that one layer needs. Saved values, activations and workspaces of layers share memory if
/// their lifetimes do not overlap; a step's memory also contains the gradients of activations.
struct LayerBytes {
  std::string layer;
  std::size_t parameters = 0, gradients = 0, optimizer = 0;
  std::size_t saved = 0;        ///< from its forward to its backward pass
  std::size_t activations = 0;  ///< its output; 0 for a view
  std::size_t workspace = 0;
};

/// A purpose of memory, in tables, and in results under the key NAME_bytes.
struct MemoryPurpose {
  const char* name;
  std::size_t LayerBytes::*of_layer;
  std::size_t Memory::*of_network;  ///< null if another purpose includes it

  std::string key() const { return std::string(name) + "_bytes"; }
};

/// The purposes, in the order of columns. The network's activations include saved values.
inline constexpr MemoryPurpose kMemoryPurposes[] = {
    {"parameters", &LayerBytes::parameters, &Memory::parameters},
    {"gradients", &LayerBytes::gradients, &Memory::gradients},
    {"optimizer", &LayerBytes::optimizer, &Memory::optimizer},
    {"saved", &LayerBytes::saved, nullptr},
    {"activations", &LayerBytes::activations, &Memory::activations},
    {"workspace", &LayerBytes::workspace, &Memory::workspace}};

}  // namespace ridgeline::network
