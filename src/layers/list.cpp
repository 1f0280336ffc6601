#include <algorithm>

#include "core/error.hpp"
#include "layers/layer_of.hpp"

namespace ridgeline::layers {

// Every kind of layer, in the order of messages and studies. `name` here is defined by
// RIDGELINE_LAYER(name, …) in the layer's own file.
#define RIDGELINE_LAYERS(LAYER) \
  LAYER(dense)                  \
  LAYER(conv2d)                 \
  LAYER(max_pool2d)             \
  LAYER(avg_pool2d)             \
  LAYER(global_avg_pool)        \
  LAYER(flatten)                \
  LAYER(batch_norm)             \
  LAYER(layer_norm)             \
  LAYER(softmax)                \
  LAYER(activation)             \
  LAYER(dropout)                \
  LAYER(residual)               \
  LAYER(embedding)              \
  LAYER(position_embedding)     \
  LAYER(attention)              \
  LAYER(lstm)                   \
  LAYER(gru)

#define RIDGELINE_DECLARE(name) LayerKind name##_kind();
RIDGELINE_LAYERS(RIDGELINE_DECLARE)

namespace {

std::vector<LayerKind>& all_kinds() {
#define RIDGELINE_CALL(name) name##_kind(),
  static std::vector<LayerKind> kinds = {RIDGELINE_LAYERS(RIDGELINE_CALL)};
  return kinds;
}

}  // namespace

const std::vector<LayerKind>& layer_kinds() { return all_kinds(); }

const LayerKind* find_layer_kind(const std::string& name) {
  const auto& kinds = all_kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&](const LayerKind& kind) { return kind.name == name; });
  return found == kinds.end() ? nullptr : &*found;
}

void add_layer_kind(LayerKind kind) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (kind.name.empty() || !std::all_of(kind.name.begin(), kind.name.end(), is_allowed)) {
    throw RequestError("a kind of layer has a name of lower-case letters, digits and _, unlike \"" +
                       kind.name + "\"");
  }
  if (find_layer_kind(kind.name) || kind.name == kSequence) {
    throw RequestError("there is a kind of layer " + kind.name + " already");
  }
  all_kinds().push_back(std::move(kind));
}

}  // namespace ridgeline::layers
