#pragma once

#include "layers/layer.hpp"

namespace ridgeline::layers {

// Y = f(X Wᵀ + b) on the last dimension of whatever comes.
//   forward   Z = X Wᵀ + b,  Y = f(Z)                X [rows, in], W [out, in], b [out]
//   backward  dZ = dY ∘ f'(Z),  dX = dZ W,  dW = dZᵀ X,  db = sum of dZ over rows
// rows is the batch times the leading dimensions. Bias and activation are fused into the product,
// and so is a derivative that is cheap, in both products backward; one that is not
// (derivative_needs_input) makes dZ once, in a pass of its own.

/// A fully connected layer.
class DensePlan : public LayerPlan {
 public:
  DensePlan(std::string name, const Shape& input, std::size_t units, bool with_bias,
            kernels::Activation f);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input,
                                         std::size_t vocabulary);

  const std::size_t in, out;
  const std::size_t positions;  ///< rows per sample
  const bool bias;
  const kernels::Activation activation;

  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  /// Whether backward makes dZ at the head of its workspace.
  bool makes_dz() const { return kernels::derivative_needs_input(activation); }
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Dense : public Layer<Space, T> {
 public:
  Dense(const DensePlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  const std::size_t in_, out_, positions_;
  const bool bias_;
  const kernels::Activation activation_;
  const kernels::GemmBackend gemm_;
  const bool makes_dz_;
  const kernels::GemmLabels forward_, input_gradient_, weight_gradient_;
  const std::string derivative_;
};

}  // namespace ridgeline::layers
