#include "layers/activation.hpp"

#include "kernels/elementwise.hpp"

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

namespace {

template <Activation F, class Space, class T>
void apply(const Space& instance, const std::string& label, std::size_t size, const T* x, T* y) {
  const Cost cost{20.0 * size, 2.0 * sizeof(T) * size};
  for_elements(
      instance, label, size, cost,
      KOKKOS_LAMBDA(std::size_t i) { y[i] = kernels::activate<F>(x[i]); });
}

}  // namespace

template <class Space, class T>
void ActivationLayer<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                        const Matrix<Space, const T>& x,
                                        const Matrix<Space, T>& y) {
  kernels::with_activation(
      function_, [&](auto f) { apply<f()>(instance, forward_, x.size(), x.data(), y.data()); });
}

template <class Space, class T>
void ActivationLayer<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                         const Matrix<Space, const T>& y,
                                         const Matrix<Space, const T>& dy,
                                         const Matrix<Space, T>& dx) {
  if (!dx.data()) return;
  const T* kept = kernels::derivative_needs_input(function_) ? x.data() : y.data();
  kernels::apply_derivative(instance, backward_, function_, Vector<Space, const T>(kept, dy.size()),
                            Vector<Space, const T>(dy.data(), dy.size()),
                            Vector<Space, T>(dx.data(), dx.size()));
}

#define RIDGELINE_ACTIVATION(Space, T) template class ActivationLayer<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_ACTIVATION)

}  // namespace ridgeline::layers
