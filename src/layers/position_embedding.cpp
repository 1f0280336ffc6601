#include "kernels/embedding/position_embedding.hpp"
#include "kernels/elementwise/elementwise.hpp"
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
    kernels::add_positions(pass.instance, forward_label, pass.batch(), size, pass.x().data(),
                           static_cast<const T*>(pass.memory.parameters[0].data()), pass.y.data());
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (pass.dx().data() && pass.dx().data() != pass.dy.data()) {
      kernels::copy<Space, T>(pass.instance, input_label, as_vector(pass.dy), as_vector(pass.dx()));
    }
    kernels::sum_over_batch(pass.instance, weight_label, pass.batch(), size, pass.dy.data(),
                            pass.memory.gradients[0].data());
  }
};

}  // namespace

RIDGELINE_LAYER(position_embedding, PositionEmbedding)

}  // namespace ridgeline::layers
