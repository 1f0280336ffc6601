#include "kernels/normalization/layer_norm.hpp"
#include "layers/layer_of.hpp"

// layer_norm, over the last dimension of the input, with the biased variance of a row:
//   forward   x̂ = (x - mean) / √(variance + ε),  y = x̂ · weight + bias
//   backward  g = dy · weight,  dx = (g - mean(g) - x̂ · mean(g x̂)) / √(variance + ε),
//             dweight = Σ_rows dy x̂,  dbias = Σ_rows dy

namespace ridgeline::layers {
namespace {

struct LayerNorm : LayerOf<LayerNorm> {
  explicit LayerNorm(const Description& from)
      : LayerOf(from, from.input),
        epsilon(from.options.real({"epsilon", "Value that is added to the variance."},
                                  config::Range::epsilon(), 1e-5)) {}

  static std::optional<StudyFamily> family() { return StudyFamily{"", {32, 0}, 8, 2048, 128, 8}; }

  const double epsilon;
  const std::size_t features = input.back();
  const std::size_t positions = size_of(input) / features;  // rows per sample
  const std::string forward_label = name + "/forward";
  const kernels::RowAndColumnLabels backward_labels{name + "/backward"};

  std::vector<Parameter> parameters() const override {
    return {{"weight", {features}, Initial::ones}, {"bias", {features}, Initial::zeros}};
  }

  // Mean and 1 / √(variance + ε) of every row.
  std::size_t saved(std::size_t batch) const override { return 2 * batch * positions; }

  std::size_t workspace(const Target&, std::size_t batch, bool training) const override {
    return training ? kernels::layer_norm_workspace(batch * positions, features) : 0;
  }

  Work work(const CountedPass& pass) const override {
    const Formula R("R", double(pass.batch * positions)), d("d", double(features)), n = R * d;
    if (pass.phase == Phase::forward) return {0, 7 * n + 5 * R, 2 * n + 2 * d, 0};
    if (!pass.input_gradient) return {0, 5 * n, 2 * n + 2 * d, 0};
    return {0, 13 * n + 2 * R, 3 * n + 3 * d, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const std::size_t rows = pass.batch() * positions;
    kernels::layer_norm<Space, T>(
        pass.instance, forward_label, as_matrix(pass.x(), rows, features),
        pass.memory.parameters[0], pass.memory.parameters[1], epsilon,
        as_matrix(pass.y, rows, features),
        pass.saves() ? as_vector(pass.memory.saved, 2 * rows) : Vector<Space, T>());
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const std::size_t rows = pass.batch() * positions;
    kernels::layer_norm_gradient<Space, T>(
        pass.instance, backward_labels, as_matrix(pass.x(), rows, features), memory.parameters[0],
        as_vector(memory.saved, 2 * rows), as_matrix(pass.dy, rows, features),
        as_matrix(pass.dx(), rows, features), memory.gradients[0], memory.gradients[1],
        memory.workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(layer_norm, LayerNorm)

}  // namespace ridgeline::layers
