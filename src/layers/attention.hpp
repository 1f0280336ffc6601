#pragma once

#include "kernels/attention/attention.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// Multi-head self-attention, PyTorch's MultiheadAttention with batch_first and without dropout, on
// X [length, width]; a head has width / heads features.
//   forward   [Q K V] = X W_inᵀ + b_in,  P = softmax(Q Kᵀ / √features),  O = P V (for every head),
//             Y = O W_outᵀ + b_out
//   backward  dO = dY W_out,  dW_out = dYᵀ O,  db_out = Σ dY
//             dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)),  dQ = dS K / √features,
//             dK = dSᵀ Q / √features
//             dX = [dQ dK dV] W_in,  dW_in = [dQ dK dV]ᵀ X,  db_in = Σ [dQ dK dV]
// P is never in memory: one fused kernel each way between the projections.

/// Self-attention over a sequence.
class AttentionPlan : public LayerPlan {
 public:
  AttentionPlan(std::string name, const Shape& input, std::size_t heads, bool causal);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

  const std::size_t length, width, heads;
  const bool causal;

  kernels::AttentionShape shape(std::size_t batch) const {
    return {batch, length, heads, width / heads, causal};
  }

  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;
};

template <class Space, class T>
class Attention : public Layer<Space, T> {
 public:
  Attention(const AttentionPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 private:
  using Layer<Space, T>::memory_;

  kernels::AttentionShape shape(std::size_t batch) const {
    return {batch, length_, heads_, width_ / heads_, causal_};
  }

  const std::size_t length_, width_, heads_;
  const bool causal_;
  const kernels::GemmBackend gemm_;
  const kernels::AttentionLabels forward_, backward_;
  const kernels::GemmLabels in_forward_, out_forward_, out_input_, out_weight_, in_input_,
      in_weight_;
};

}  // namespace ridgeline::layers
