#pragma once

#include "kernels/normalization/batch_norm.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// y = (x - mean) / sqrt(variance + epsilon) · weight + bias, on the channels of an image [C, H, W]
// (statistics over batch, H and W) and on the last dimension otherwise (over all the others).
// Training normalises with the batch's mean and biased variance and moves the running statistics
// towards its mean and unbiased variance; inference uses the running ones. Formulas:
// kernels/normalization/batch_norm.hpp.

/// Batch normalisation.
class BatchNormPlan : public LayerPlan {
 public:
  BatchNormPlan(std::string layer_name, const Shape& input_shape, double momentum_value,
                double epsilon_value);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const double momentum, epsilon;
  const std::size_t channels;
  const std::size_t outer, inner;  ///< a sample is [outer, channels, inner]

  kernels::ChannelShape shape(std::size_t batch) const { return {batch * outer, channels, inner}; }
  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
  Counts inference_counts(std::size_t batch, std::size_t scalar_bytes) const override;
};

template <class Space, class T>
class BatchNorm : public Layer<Space, T> {
 public:
  BatchNorm(const BatchNormPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  // Mean and 1 / deviation of the last batch.
  Vector<Space, T> saved(int which) const {
    return Vector<Space, T>(memory_.saved.data() + std::size_t(which) * sample_.channels,
                            sample_.channels);
  }

  const kernels::ChannelShape sample_;
  const double momentum_, epsilon_;
  const kernels::BatchNormLabels forward_, backward_;
};

}  // namespace ridgeline::layers
