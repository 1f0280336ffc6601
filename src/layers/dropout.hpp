#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// In training y = x m / (1 - rate),  dx = dy m / (1 - rate), with m = 1 where a uniform number of
// the seed, the layer, the step and the element is at least `rate`, and 0 elsewhere; in inference y
// = x.

/// Inverted dropout (Srivastava et al., JMLR 2014). No mask is stored: backward draws it again.
class DropoutPlan : public LayerPlan {
 public:
  DropoutPlan(std::string layer_name, const Shape& input_shape, double dropped)
      : LayerPlan("dropout", std::move(layer_name), input_shape, input_shape), rate(dropped) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const double rate;

  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
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
  void drop(const Space& instance, const std::string& label, std::size_t size, const T* from,
            T* to) const;

  const double rate_;
  const std::string forward_, backward_;
};

}  // namespace ridgeline::layers
