#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "kernels/gemm/gemm.hpp"
#include "layers/layer.hpp"
#include "network/plan.hpp"

namespace ridgeline::studies {

/// A kind of layer as the studies measure it: widths at one batch, and batches at one width.
struct LayerFamily : layers::StudyFamily {
  std::string kind;

  std::vector<std::size_t> widths() const;  ///< increasing
  /// Returns the layer of a width. Throws RequestError "--widths: …" if the width is invalid.
  std::shared_ptr<const layers::Layer> layer(std::size_t of_width) const;
  /// Returns its input, such as "[64, width]".
  std::string shape() const;
};

/// Returns every kind of layer that has a family.
std::vector<LayerFamily> layer_families();

/// Returns the families of these kinds; all families if `kinds` is empty. Throws RequestError for
/// any other kind.
std::vector<LayerFamily> families_of(const std::vector<std::string>& kinds);

/// Returns `{"dense": "[width]", …}`: the input of a sample, by kind.
io::Json shapes_of(const std::vector<LayerFamily>& families);

/// A deck as the studies measure it: its network, independent of its data.
struct DeckCase {
  std::string name;  ///< "fashion_mlp"
  std::shared_ptr<const network::NetworkPlan> plan;
  config::Precision precision = config::Precision::float32;
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t batch = 1;
};

}  // namespace ridgeline::studies
