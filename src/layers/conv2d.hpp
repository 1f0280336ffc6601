#pragma once

#include "kernels/convolution/convolution.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// clang-format off
// Y = f(X ⋆ W + b), a convolution of images [channels, height, width] in groups of channels.
//   forward   Z[k, p, q] = b[k] + Σ_{c, r, s} W[k, c, r, s] X[c, p·stride + r·dilation - padding, …]
//             Y = f(Z); c runs over the channels of k's group, X is zero outside
//   backward  dZ = dY ∘ f'(Z),  dX = the transposed convolution of dZ with W,
//             dW[k, c, r, s] = Σ dZ[k, p, q] X[c, p·stride + r·dilation - padding, …],  db = Σ dZ
// Bias, activation and derivative are fused into the convolutions.
// clang-format on

/// A two-dimensional convolution.
class Conv2dPlan : public LayerPlan {
 public:
  /// `convolution` is that of one sample.
  Conv2dPlan(std::string name, const kernels::ConvolutionShape& convolution, bool with_bias,
             kernels::Activation f);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const kernels::ConvolutionShape convolution;
  const bool bias;
  const kernels::Activation activation;

  kernels::ConvolutionShape of_batch(std::size_t batch) const;
  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Conv2d : public Layer<Space, T> {
 public:
  Conv2d(const Conv2dPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const kernels::ConvolutionShape convolution_;
  const bool bias_;
  const kernels::Activation activation_;
  const kernels::ConvolutionLabels forward_, input_gradient_, weight_gradient_;
};

}  // namespace ridgeline::layers
