#include <ridgeline/command.hpp>

#include "gated_residual.hpp"

// The command `ridgeline`, all of its verbs, with one more kind of layer.
int main(int argc, char** argv) {
  return ridgeline::run_command(argc, argv, [] {
    namespace layers = ridgeline::layers;
    layers::add_layer_kind(layers::kind_of<example::GatedResidual>("gated_residual"));
  });
}
