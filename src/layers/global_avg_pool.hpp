#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// y[c] = the mean of x[c, h, w] over h and w; dx[c, h, w] = dy[c] / (H · W).

/// The mean of every channel of an image: [C, H, W] to [C].
class GlobalAvgPoolPlan : public LayerPlan {
 public:
  GlobalAvgPoolPlan(std::string layer_name, const Shape& input_shape)
      : LayerPlan("global_avg_pool", std::move(layer_name), input_shape, {input_shape[0]}) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class GlobalAvgPool : public Layer<Space, T> {
 public:
  GlobalAvgPool(const GlobalAvgPoolPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  const std::size_t plane_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
