#include "layers/residual.hpp"

#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::layers {

using kernels::Activation;

std::size_t ResidualPlan::saved(std::size_t batch) const {
  return kernels::derivative_needs_input(activation) ? batch * size_of(output) : 0;
}

Counts ResidualPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                            bool input_gradient) const {
  const double size = double(batch) * size_of(output);
  Counts counts;
  if (phase == Phase::forward) {
    counts.flops = size + kernels::forward_flops(activation) * size;
    counts.bytes = 3 * size * scalar_bytes;
  } else if (input_gradient && !passes_gradient()) {
    counts.flops = kernels::backward_flops(activation) * size;
    counts.bytes = 3 * size * scalar_bytes;
  }
  counts.working_set_bytes = counts.bytes;
  return counts;
}

template <class Space, class T>
ResidualSum<Space, T>::ResidualSum(const ResidualPlan& plan, const Target&)
    : activation_(plan.activation),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void ResidualSum<Space, T>::forward(const Space& instance, Mode /*mode*/,
                                    const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  const bool keeps = memory_.saved.size() > 0;
  kernels::add_and_activate<Space, T>(
      instance, forward_, activation_, as_vector(x), as_vector(shortcut_),
      keeps ? as_vector(memory_.saved, x.size()) : Vector<Space, T>(), as_vector(y));
}

template <class Space, class T>
void ResidualSum<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& /*x*/,
                                     const Matrix<Space, const T>& y,
                                     const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  if (!dx.data() || activation_ == Activation::identity) return;
  Vector<Space, const T> kept = as_vector(y);
  if (kernels::derivative_needs_input(activation_)) kept = as_vector(memory_.saved, y.size());
  kernels::multiply_by_derivative<Space, T>(instance, backward_, activation_, kept, as_vector(dy),
                                            as_vector(dx));
}

#define RIDGELINE_RESIDUAL(Space, T) template class ResidualSum<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_RESIDUAL)

}  // namespace ridgeline::layers
