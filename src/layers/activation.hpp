#pragma once

#include "kernels/elementwise/activation.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = f(x), dx = dy · f'(x), element by element.

/// An activation as a layer of its own.
class ActivationPlan : public LayerPlan {
 public:
  ActivationPlan(std::string layer_name, const Shape& input_shape, kernels::Activation f)
      : LayerPlan("activation", std::move(layer_name), input_shape, input_shape), function(f) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const kernels::Activation function;

  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class ActivationLayer : public Layer<Space, T> {
 public:
  ActivationLayer(const ActivationPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  const kernels::Activation function_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
