#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// Training: y = x · m / (1 - rate), dx = dy · m / (1 - rate), where m is 0 with probability rate
// and else 1. The mask comes from Philox at (seed, the layer's stream, step, element) and is
// computed again by the backward pass instead of being kept. Inference: y = x.

/// Dropout of single elements.
class DropoutPlan : public LayerPlan {
 public:
  DropoutPlan(std::string layer_name, const Shape& input_shape, double rate_of)
      : LayerPlan("dropout", std::move(layer_name), input_shape, input_shape), rate(rate_of) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const double rate;

  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
  /// Nothing: it is a view.
  Counts inference_counts(std::size_t, std::size_t) const override { return {}; }
  bool is_view(bool training) const override { return !training; }
};

template <class Space, class T>
class Dropout : public Layer<Space, T> {
 public:
  Dropout(const DropoutPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  void apply(const Space& instance, const std::string& label, const Matrix<Space, const T>& from,
             const Matrix<Space, T>& to) const;

  const double rate_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
