#include "layers/residual.hpp"

#include "kernels/elementwise.hpp"

namespace ridgeline::layers {

using kernels::Activation;

std::size_t ResidualPlan::saved(std::size_t batch) const {
  return kernels::derivative_needs_input(activation) ? batch * size_of(input) : 0;
}

Counts ResidualPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                            bool input_gradient) const {
  const double size = double(batch) * size_of(input);
  Counts counts;
  if (phase == Phase::forward) {
    counts.flops = (1 + kernels::forward_flops(activation)) * size;
    counts.bytes = 3 * size * scalar_bytes;
  } else if (input_gradient && activation != Activation::identity) {
    counts.flops = kernels::backward_flops(activation) * size;
    counts.bytes = 3 * size * scalar_bytes;
  }
  counts.working_set_bytes = counts.bytes;
  return counts;
}

Counts ResidualPlan::fork_counts(std::size_t batch, std::size_t scalar_bytes) const {
  const double size = double(batch) * size_of(input);
  Counts counts;
  counts.flops = size;
  counts.bytes = 3 * size * scalar_bytes;
  counts.working_set_bytes = 2 * size * scalar_bytes;  // one is both read and written
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
  const std::size_t size = x.size();
  const bool keeps = memory_.saved.size() > 0;
  kernels::add_and_activate(
      instance, forward_, activation_, Vector<Space, const T>(x.data(), size),
      Vector<Space, const T>(shortcut_.data(), size), Vector<Space, T>(y.data(), size),
      keeps ? Vector<Space, T>(memory_.saved.data(), size) : Vector<Space, T>());
}

template <class Space, class T>
void ResidualSum<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& /*x*/,
                                     const Matrix<Space, const T>& y,
                                     const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  if (!dx.data() || passes_gradient()) return;
  const bool from_input = kernels::derivative_needs_input(activation_);
  const T* kept = from_input ? memory_.saved.data() : y.data();
  kernels::apply_derivative(
      instance, backward_, activation_, Vector<Space, const T>(kept, dy.size()),
      Vector<Space, const T>(dy.data(), dy.size()), Vector<Space, T>(dx.data(), dx.size()));
}

#define RIDGELINE_RESIDUAL(Space, T) template class ResidualSum<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_RESIDUAL)

}  // namespace ridgeline::layers
