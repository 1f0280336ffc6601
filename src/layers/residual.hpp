#pragma once

#include "kernels/activation.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = f(x + s): x is what the layers of a residual's body give, s what its shortcut gives. Both
// branches have the gradient dy ∘ f'(x + s). Where the branches begin, their gradients by the
// common input add up.

/// The sum at a residual's end. The network runs its branches around it, so it has no table of its
/// own in a deck.
class ResidualPlan : public LayerPlan {
 public:
  ResidualPlan(std::string layer_name, const Shape& shape, kernels::Activation f)
      : LayerPlan("residual", std::move(layer_name), shape, shape), activation(f) {}

  const kernels::Activation activation;

  std::size_t saved(std::size_t batch) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
  /// Of adding one branch's gradient to the other's.
  Counts fork_counts(std::size_t batch, std::size_t scalar_bytes) const;
};

template <class Space, class T>
class ResidualSum : public Layer<Space, T> {
 public:
  ResidualSum(const ResidualPlan& plan, const Target& target);

  /// What the next forward pass adds: [batch, shape].
  void set_shortcut(const Matrix<Space, const T>& s) { shortcut_ = s; }
  /// y may be the memory of x or of the shortcut.
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  /// dx is the gradient of x and of the shortcut; nothing is done where it is dy's own.
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;
  /// Whether dy is the gradient of both branches as it is.
  bool passes_gradient() const { return activation_ == kernels::Activation::identity; }

 private:
  using Layer<Space, T>::memory_;

  const kernels::Activation activation_;
  const std::string forward_, backward_;
  Matrix<Space, const T> shortcut_;
};

}  // namespace ridgeline::layers
