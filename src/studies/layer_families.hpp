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

/// A kind of layer as the studies take it: of growing width, and of one width with growing batch.
struct LayerFamily : layers::StudyFamily {
  std::string kind;

  std::vector<std::size_t> widths() const;  ///< increasing
  /// The layer of a width.
  std::shared_ptr<const layers::Layer> layer(std::size_t of_width) const;
  /// "[64, width]": its input.
  std::string shape() const;
};

/// Every kind of layer that has a family.
std::vector<LayerFamily> layer_families();

/// The families of these kinds, all where there are none. Throws RequestError for another kind.
std::vector<LayerFamily> families_of(const std::vector<std::string>& kinds);

/// `{"dense": "[width]", …}`: the input of a sample, by kind.
io::Json shapes_of(const std::vector<LayerFamily>& families);

/// A deck as the studies take it: its network, whatever its data were.
struct DeckCase {
  std::string name;  ///< "fashion_mlp"
  std::shared_ptr<const network::NetworkPlan> plan;
  config::Precision precision = config::Precision::float32;
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t batch = 1;
};

}  // namespace ridgeline::studies
