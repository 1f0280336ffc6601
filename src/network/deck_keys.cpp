#include "network/deck_keys.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "network/graph.hpp"

namespace ridgeline::network {
namespace {

/// Reads a layer, which may need values or tokens of any number of dimensions.
void read_layer_keys(const config::OptionTable& table) {
  for (const bool tokens : {false, true}) {
    for (const Shape& shape : {Shape{8}, Shape{8, 8}, Shape{8, 8, 8}}) {
      try {
        Graph({table}, {shape, tokens, 0});
      } catch (const RequestError&) {  // of a placeholder, or of the shape
      }
    }
  }
}

}  // namespace

std::vector<config::DescribedTable> deck_keys() {
  std::vector<config::DescribedTable> tables = config::describe_sections();
  const auto after_network =
      std::find_if(tables.rbegin(), tables.rend(), [](const config::DescribedTable& table) {
        return !table.path.empty() && table.path.front() == "network";
      });
  const std::vector<config::DescribedTable> of_layers =
      config::describe_keys({"network", "layer", "0"}, read_layer_keys);
  tables.insert(after_network.base(), of_layers.begin(), of_layers.end());
  return tables;
}

}  // namespace ridgeline::network
