#include "studies/layer_families.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/deck.hpp"
#include "core/error.hpp"
#include "layers/residual.hpp"

namespace ridgeline::studies {
namespace {

// Powers of two from `first` to `last`.
std::vector<std::size_t> doublings(std::size_t first, std::size_t last) {
  std::vector<std::size_t> list;
  for (std::size_t width = first; width <= last; width *= 2) list.push_back(width);
  return list;
}

}  // namespace

std::unique_ptr<layers::LayerPlan> LayerFamily::plan(std::size_t of_width) const {
  Shape shape = input;
  std::replace(shape.begin(), shape.end(), std::size_t{0}, of_width);
  if (kind == "residual") {
    return std::make_unique<layers::ResidualPlan>(kind, shape, kernels::Activation::identity);
  }
  std::string text = keys;
  const std::string word = "WIDTH";
  for (std::size_t at; (at = text.find(word)) != std::string::npos;) {
    text.replace(at, word.size(), std::to_string(of_width));
  }
  const config::Deck deck =
      config::Deck::parse("[data]\nkind = \"synthetic\"\n[network]\n[[network.layer]]\nkind = \"" +
                              kind + "\"\n" + text +
                              "\n[train]\nepochs = 1\nbatch = 1\nloss = \"cross_entropy\"\n"
                              "optimizer = { kind = \"sgd\", learning_rate = 0.1 }\n",
                          kind);
  return layers::plan_layer(deck.network.layers.front(), kind, shape);
}

std::string LayerFamily::shape() const {
  std::string text = "[";
  for (std::size_t i = 0; i < input.size(); ++i) {
    text += (i > 0 ? ", " : "") + (input[i] == 0 ? "width" : std::to_string(input[i]));
  }
  return text + "]";
}

const std::vector<LayerFamily>& layer_families() {
  static const std::vector<LayerFamily> families = {
      {"dense", "units = WIDTH", {0}, doublings(8, 2048), 256, 64, 0},
      {"conv2d",
       "channels = WIDTH\nkernel = 3\npadding = 1",
       {0, 16, 16},
       doublings(2, 128),
       16,
       8,
       0},
      {"max_pool2d", "kernel = 2", {0, 16, 16}, doublings(2, 512), 16, 16, 0},
      {"avg_pool2d", "kernel = 2", {0, 16, 16}, doublings(2, 512), 16, 16, 0},
      {"global_avg_pool", "", {0, 16, 16}, doublings(2, 512), 16, 16, 0},
      {"batch_norm", "", {0, 16, 16}, doublings(2, 512), 16, 16, 0},
      {"layer_norm", "", {32, 0}, doublings(8, 2048), 128, 8, 0},
      {"softmax", "", {0}, doublings(8, 16384), 256, 64, 0},
      {"activation", "function = \"gelu\"", {0}, doublings(8, 16384), 256, 64, 0},
      {"dropout", "rate = 0.5", {0}, doublings(8, 16384), 256, 64, 0},
      {"residual", "", {0}, doublings(8, 16384), 256, 64, 0},
      {"embedding", "vocabulary = 1024\nfeatures = WIDTH", {64}, doublings(8, 1024), 128, 8, 1024},
      {"position_embedding", "", {64, 0}, doublings(8, 1024), 128, 8, 0},
      {"attention", "heads = 4\ncausal = true", {64, 0}, doublings(8, 512), 128, 4, 0},
      {"lstm", "units = WIDTH\nreturn_sequence = true", {32, 0}, doublings(8, 256), 64, 8, 0},
      {"gru", "units = WIDTH\nreturn_sequence = true", {32, 0}, doublings(8, 256), 64, 8, 0},
  };
  return families;
}

std::vector<LayerFamily> families_of(const std::vector<std::string>& kinds) {
  if (kinds.empty()) return layer_families();
  std::vector<LayerFamily> chosen;
  for (const std::string& kind : kinds) {
    const auto& all = layer_families();
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
