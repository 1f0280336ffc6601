#pragma once

#include "gated_residual/gated_residual.hpp"
#include "layers/layer_of.hpp"

namespace ridgeline::testing {

/// Adds the layer of docs/examples to the kinds for decks.
inline void add_gated_residual() {
  if (layers::find_layer_kind("gated_residual")) return;
  layers::add_layer_kind(layers::kind_of<example::GatedResidual>("gated_residual"));
}

/// A network whose gradients fork and join at layers with two inputs, one in a branch of the other.
inline const std::string kGated = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "first"
units = 6
activation = "tanh"
[[network.layer]]
name = "outer"
kind = "gated_residual"
initial = 1
layer = [
  { kind = "dense", units = 6, activation = "tanh" },
  { kind = "gated_residual", initial = 1, layer = [ { kind = "dense", units = 6 } ] },
]
shortcut = [ { kind = "dense", units = 6, bias = false } ]
[[network.layer]]
kind = "dense"
units = 5
)";

}  // namespace ridgeline::testing
