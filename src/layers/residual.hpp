#pragma once

#include "kernels/elementwise/activation.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = f(x + s),  dx = ds = dy ∘ f'(x + s): x from a residual's layers, s from its shortcut.

/// Where the two branches of a residual come together; network/graph.hpp unfolds the layers inside.
class ResidualPlan : public LayerPlan {
 public:
  ResidualPlan(std::string layer_name, const Shape& shape, kernels::Activation f)
      : LayerPlan("residual", std::move(layer_name), shape, shape), activation(f) {}

  const kernels::Activation activation;

  /// Whether the gradient of both branches is that of the output: backward then does nothing.
  bool passes_gradient() const { return activation == kernels::Activation::identity; }
  std::size_t saved(std::size_t batch) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class ResidualSum : public Layer<Space, T> {
 public:
  ResidualSum(const ResidualPlan& plan, const Target& target);
  /// The second operand of the next `forward`, [batch, shape].
  void set_shortcut(const Matrix<Space, const T>& shortcut) { shortcut_ = shortcut; }
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  /// `dx` is the gradient of both branches.
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const kernels::Activation activation_;
  const std::string forward_, backward_;
  Matrix<Space, const T> shortcut_;
};

}  // namespace ridgeline::layers
