#include "kernels/elementwise/elementwise.hpp"
#include "layers/layer_of.hpp"

// residual: y = f(x + s),  dx = ds = dy ∘ f'(x + s): x is the output of its layers, s that of its
// shortcut. network/graph.hpp flattens both.

namespace ridgeline::layers {
namespace {

using kernels::Activation;

struct Residual : LayerOf<Residual> {
  explicit Residual(const Description& from)
      : LayerOf(from, from.input),
        activation(read_activation(
            from.options, {"activation", "Function that is applied to the sum."}, "identity")) {}

  static constexpr std::size_t kInputCount = 2;
  static std::optional<StudyFamily> family() { return StudyFamily{"", {0}, 8, 16384, 256, 64}; }

  const Activation activation;
  const bool keeps_sum = kernels::derivative_needs_input(activation);
  const std::string forward_label = name + "/forward", backward_label = name + "/backward";

  InputGradients input_gradients() const override {
    return activation == Activation::identity ? InputGradients::passed : InputGradients::shared;
  }

  std::size_t saved(std::size_t batch) const override {
    return keeps_sum ? batch * size_of(output) : 0;
  }

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(output)));
    if (pass.phase == Phase::forward) {
      return {0, n + Formula("a", kernels::forward_flops(activation)) * n, 3 * n, 0};
    }
    if (!pass.input_gradient || activation == Activation::identity) return {};
    return {0, Formula("d", kernels::backward_flops(activation)) * n, 3 * n, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    kernels::add_and_activate<Space, T>(
        pass.instance, forward_label, activation, as_vector(pass.inputs[0]),
        as_vector(pass.inputs[1]),
        pass.saves() ? as_vector(pass.memory.saved, pass.y.size()) : Vector<Space, T>(),
        as_vector(pass.y));
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const auto& [dx, ds] = pass.input_gradients;
    if (activation == Activation::identity || !(dx.data() || ds.data())) return;
    Vector<Space, const T> kept = as_vector(pass.y);
    if (keeps_sum) kept = as_vector(pass.memory.saved, pass.y.size());
    kernels::multiply_by_derivative<Space, T>(pass.instance, backward_label, activation, kept,
                                              as_vector(pass.dy), as_vector(dx.data() ? dx : ds));
  }
};

}  // namespace

RIDGELINE_LAYER(residual, Residual)

}  // namespace ridgeline::layers
