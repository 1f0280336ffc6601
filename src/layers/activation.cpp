#include "kernels/elementwise/elementwise.hpp"
#include "layers/layer_of.hpp"

// activation: y = f(x),  dx = dy ∘ f'(x); kernels/elementwise/activation.hpp has the functions.

namespace ridgeline::layers {
namespace {

using kernels::Activation;

struct ActivationLayer : LayerOf<ActivationLayer> {
  explicit ActivationLayer(const Description& from)
      : LayerOf(from, from.input),
        function(read_activation(from.options,
                                 {"function", "Function that is applied to every value."})) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"function = \"gelu\"", {0}, 8, 16384, 256, 64};
  }

  const Activation function;
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(input)));
    if (pass.phase == Phase::forward) {
      return {0, Formula("a", kernels::forward_flops(function)) * n, 2 * n, 0};
    }
    if (!pass.input_gradient) return {};
    const double arrays = function == Activation::identity ? 2 : 3;
    return {0, Formula("d", kernels::backward_flops(function)) * n, arrays * n, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    kernels::activate<Space, T>(pass.instance, forward_label, function, as_vector(pass.x()),
                                as_vector(pass.y));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    if (!pass.dx().data()) return;
    kernels::multiply_by_derivative<Space, T>(
        pass.instance, backward_label, function,
        as_vector(kernels::derivative_needs_input(function) ? pass.x() : pass.y),
        as_vector(pass.dy), as_vector(pass.dx()));
  }
};

}  // namespace

RIDGELINE_LAYER(activation, ActivationLayer)

}  // namespace ridgeline::layers
