#include "studies/layer_families.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/option_table.hpp"
#include "core/error.hpp"

namespace ridgeline::studies {

std::vector<std::size_t> LayerFamily::widths() const {
  std::vector<std::size_t> list;
  for (std::size_t width = first_width; width <= last_width; width *= 2) list.push_back(width);
  return list;
}

std::shared_ptr<const layers::Layer> LayerFamily::layer(std::size_t of_width) const {
  Shape shape = input;
  std::replace(shape.begin(), shape.end(), std::size_t{0}, of_width);
  std::string text = keys;
  const std::string word = "WIDTH";
  for (std::size_t at; (at = text.find(word)) != std::string::npos;) {
    text.replace(at, word.size(), std::to_string(of_width));
  }
  const auto options =
      config::OptionTable::generated("kind = \"" + kind + "\"\n" + text,
                                     "--widths: " + kind + " of width " + std::to_string(of_width));
  return layers::read_layer({options, kind, shape});
}

std::string LayerFamily::shape() const {
  std::string text = "[";
  for (std::size_t i = 0; i < input.size(); ++i) {
    text += (i > 0 ? ", " : "") + (input[i] == 0 ? "width" : std::to_string(input[i]));
  }
  return text + "]";
}

std::vector<LayerFamily> layer_families() {
  std::vector<LayerFamily> families;
  for (const layers::LayerKind& kind : layers::layer_kinds()) {
    if (kind.family) families.push_back({*kind.family, kind.name});
  }
  return families;
}

std::vector<LayerFamily> families_of(const std::vector<std::string>& kinds) {
  const std::vector<LayerFamily> all = layer_families();
  if (kinds.empty()) return all;
  std::vector<LayerFamily> chosen;
  for (const std::string& kind : kinds) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const LayerFamily& family) { return family.kind == kind; });
    if (found == all.end()) {
      std::string names;
      for (const LayerFamily& family : all) names += (names.empty() ? "" : ", ") + family.kind;
      throw RequestError("--kinds: there is no layer " + kind + " to study; there are " + names);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

io::Json shapes_of(const std::vector<LayerFamily>& families) {
  io::Json shapes = io::Json::object();
  for (const LayerFamily& family : families) shapes[family.kind] = family.shape();
  return shapes;
}

}  // namespace ridgeline::studies
