#pragma once

#include "layers/recurrent.hpp"

namespace ridgeline::layers {

// A GRU: with p = W_ih x_t + b_ih and q = W_hh h_{t-1} + b_hh in the order r, z, n of its gates,
//   r, z = σ(p + q),  n = tanh(p_n + r q_n),  h_t = n + z (h_{t-1} - n)
// and backward as kernels/recurrence/cells.hpp and recurrent.hpp say.

class GruPlan : public RecurrentPlan {
 public:
  GruPlan(std::string name, const Shape& input, const Options& options);
  static std::unique_ptr<LayerPlan> read(const config::OptionTable& options,
                                         const std::string& name, const Shape& input);

 protected:
  double other_flops(Phase phase) const override;
  std::size_t steps_workspace(const Target& target, std::size_t batch, Phase phase) const override;
};

template <class Space, class T>
class Gru : public Recurrent<Space, T> {
 public:
  Gru(const GruPlan& plan, const Target& target) : Recurrent<Space, T>(plan, target) {}

 protected:
  void forward_steps(const Space& instance, Mode mode, const RecurrentMemory<T>& memory, T* y,
                     const Vector<Space, T>& workspace) override;
  void backward_steps(const Space& instance, const RecurrentMemory<T>& memory, const T* dy,
                      const Vector<Space, T>& workspace) override;

 private:
  using Recurrent<Space, T>::memory_;

  template <bool Training>
  void run_forward(const Space& instance, const RecurrentMemory<T>& memory, T* y,
                   const Vector<Space, T>& workspace);
};

}  // namespace ridgeline::layers
