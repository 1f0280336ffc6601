#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = x + weight for every sample, x and weight [length, features];  dx = dy,  dweight = Σ_batch
// dy.

/// Adds what a position is to what is there.
class PositionEmbeddingPlan : public LayerPlan {
 public:
  PositionEmbeddingPlan(std::string layer_name, const Shape& input_shape)
      : LayerPlan("position_embedding", std::move(layer_name), input_shape, input_shape) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  std::vector<ParameterPlan> parameters() const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class PositionEmbedding : public Layer<Space, T> {
 public:
  PositionEmbedding(const PositionEmbeddingPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  /// dx may be dy, and is then left as it is.
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const std::size_t length_, features_;
  const std::string forward_, input_gradient_, weight_gradient_;
};

}  // namespace ridgeline::layers
