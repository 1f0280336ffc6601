#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = x in one dimension; the output is the input's memory, and nothing is computed.

/// Turns a sample of any shape into one dimension.
class FlattenPlan : public LayerPlan {
 public:
  FlattenPlan(std::string layer_name, const Shape& input_shape)
      : LayerPlan("flatten", std::move(layer_name), input_shape, {size_of(input_shape)}) {}
  static std::unique_ptr<LayerPlan> read(const config::OptionTable&, const std::string& name,
                                         const Shape& input) {
    return std::make_unique<FlattenPlan>(name, input);
  }
  Counts counts(Phase, std::size_t, std::size_t, bool) const override { return {}; }
  bool is_view(bool) const override { return true; }
};

template <class Space, class T>
class Flatten : public Layer<Space, T> {
 public:
  Flatten(const FlattenPlan&, const Target&) {}
  void forward(const Space&, Mode, const Matrix<Space, const T>&,
               const Matrix<Space, T>&) override {}
  void backward(const Space&, const Matrix<Space, const T>&, const Matrix<Space, const T>&,
                const Matrix<Space, const T>&, const Matrix<Space, T>&) override {}
};

}  // namespace ridgeline::layers
