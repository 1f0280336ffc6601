#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = e^(x - max x) / Σ e^(x - max x) over the last dimension,  dx = y (dy - Σ dy y).

class SoftmaxPlan : public LayerPlan {
 public:
  SoftmaxPlan(std::string layer_name, const Shape& input_shape)
      : LayerPlan("softmax", std::move(layer_name), input_shape, input_shape) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable&, const std::string& name,
                                         const Shape& input) {
    return std::make_unique<SoftmaxPlan>(name, input);
  }
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Softmax : public Layer<Space, T> {
 public:
  Softmax(const SoftmaxPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  const std::size_t columns_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
