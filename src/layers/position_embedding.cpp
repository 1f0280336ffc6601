#include "kernels/elementwise/elementwise.hpp"
#include "kernels/embedding/embedding.hpp"
#include "layers/layer_of.hpp"

// position_embedding: y = x + W for every sample, x and W [length, features];
// dx = dy,  dW = Σ dy over the samples.

namespace ridgeline::layers {
namespace {

struct PositionEmbedding : LayerOf<PositionEmbedding> {
  explicit PositionEmbedding(const Description& from) : LayerOf(from, from.input) {
    require_dimensions(from, 2, "a sequence [length, features]");
  }

  static std::optional<StudyFamily> family() { return StudyFamily{"", {64, 0}, 8, 1024, 128, 8}; }

  const std::size_t size = size_of(input);
  const std::string forward_label = name + "/forward", input_label = name + "/backward/input",
                    weight_label = name + "/backward/weight";

  std::vector<Parameter> parameters() const override {
    return {{"weight", input, Initial::normal, input[0], input[1]}};
  }

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size)), W("W", double(size));
    const double arrays = pass.phase == Phase::forward || pass.input_gradient ? 2 : 1;
    return {0, n, arrays * n + W, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const std::size_t rows = pass.batch() * input[0];
    kernels::add_positions<Space, T>(pass.instance, forward_label,
                                     as_matrix(pass.x(), rows, input[1]),
                                     as_matrix(pass.memory.parameters[0], input[0], input[1]),
                                     as_matrix(pass.y, rows, input[1]));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (pass.dx().data()) {
      kernels::copy<Space, T>(pass.instance, input_label, as_vector(pass.dy), as_vector(pass.dx()));
    }
    kernels::sum_over_batch<Space, T>(pass.instance, weight_label, pass.dy,
                                      pass.memory.gradients[0]);
  }
};

}  // namespace

RIDGELINE_LAYER(position_embedding, PositionEmbedding)

}  // namespace ridgeline::layers
