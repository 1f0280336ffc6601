#include "layers/activation.hpp"

#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::layers {

using kernels::Activation;

std::unique_ptr<LayerPlan> ActivationPlan::read(const config::OptionTable& options,
                                                const std::string& layer_name,
                                                const Shape& input_shape) {
  const std::string f = options.one_of("function", kernels::activation_names());
  return std::make_unique<ActivationPlan>(layer_name, input_shape, kernels::activation_named(f));
}

Counts ActivationPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                              bool input_gradient) const {
  const double size = double(batch) * size_of(input);
  Counts counts;
  if (phase == Phase::forward) {
    counts.flops = kernels::forward_flops(function) * size;
    counts.bytes = 2 * size * scalar_bytes;
  } else if (input_gradient) {
    counts.flops = kernels::backward_flops(function) * size;
    counts.bytes = (function == Activation::identity ? 2 : 3) * size * scalar_bytes;
  }
  counts.working_set_bytes = counts.bytes;
  return counts;
}

template <class Space, class T>
ActivationLayer<Space, T>::ActivationLayer(const ActivationPlan& plan, const Target&)
    : function_(plan.function),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void ActivationLayer<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                        const Matrix<Space, const T>& x,
                                        const Matrix<Space, T>& y) {
  kernels::activate<Space, T>(instance, forward_, function_, as_vector(x), as_vector(y));
}

template <class Space, class T>
void ActivationLayer<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                         const Matrix<Space, const T>& y,
                                         const Matrix<Space, const T>& dy,
                                         const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  kernels::multiply_by_derivative<Space, T>(
      instance, backward_, function_, as_vector(kernels::derivative_needs_input(function_) ? x : y),
      as_vector(dy), as_vector(dx));
}

#define RIDGELINE_ACTIVATION(Space, T) template class ActivationLayer<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_ACTIVATION)

}  // namespace ridgeline::layers
