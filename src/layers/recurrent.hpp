#pragma once

#include "kernels/recurrence/recurrence.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

// What lstm and gru share: a product with all inputs, P = X W_ihᵀ + b_ih, a loop over the steps of
// a cell (kernels/recurrence/recurrence.hpp), and backward, where that loop gives the gradients dP
// and dQ of P and of Q = H W_hhᵀ + b_hh,
//   dX = dP W_ih,  dW_ih = dPᵀ X,  dW_hh = dQᵀ H,  db_ih, db_hh = sums of dP, dQ over rows
// H [rows, units] are the hidden values before each step, rows is batch · length, W_ih [gates ·
// units, features], W_hh [gates · units, units].

/// A layer that reads a sequence step by step: PyTorch's with one layer, from a state of zeros.
class RecurrentPlan : public LayerPlan {
 public:
  /// Its keys in a deck. Throws where they or the input's shape are wrong.
  struct Options {
    Options(const config::OptionTable& options, const Shape& input);
    std::size_t units;
    bool sequence;  ///< the output has every step, not the last alone
  };

  const std::size_t length, features, units;
  const bool sequence;
  const std::size_t gates;
  const bool separate;  ///< dQ is not dP

  std::vector<ParameterPlan> parameters() const override;
  std::size_t saved(std::size_t batch) const override;
  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override;
  Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                bool input_gradient) const override;

 protected:
  RecurrentPlan(const std::string& kind, std::string name, const Shape& input,
                const Options& options, std::size_t gate_count, bool separate_gradients);
  /// FLOPs outside products, a unit and step.
  virtual double other_flops(Phase phase) const = 0;
  /// Scalars of workspace of the loop over steps.
  virtual std::size_t steps_workspace(const Target& target, std::size_t batch,
                                      Phase phase) const = 0;
};

/// What a loop over steps works on.
template <class T>
struct RecurrentMemory {
  std::size_t batch;
  T* gates;   ///< [rows, gates · units]: P, and after backward dP
  T* before;  ///< [rows, units]: H, kept by training
  T* kept;    ///< [rows, units]: what else the cell keeps in training
  T* dq;      ///< [rows, gates · units]: dQ, the memory of dP where they are the same
};

template <class Space, class T>
class Recurrent : public Layer<Space, T> {
 public:
  Recurrent(const RecurrentPlan& plan, const Target& target);
  void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
               const Matrix<Space, T>& y) override;
  void backward(const Space& instance, const Matrix<Space, const T>& x,
                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                const Matrix<Space, T>& dx) override;

 protected:
  using Layer<Space, T>::memory_;

  virtual void forward_steps(const Space& instance, Mode mode, const RecurrentMemory<T>& memory,
                             T* y, const Vector<Space, T>& workspace) = 0;
  virtual void backward_steps(const Space& instance, const RecurrentMemory<T>& memory, const T* dy,
                              const Vector<Space, T>& workspace) = 0;

  const std::size_t length_, features_, units_;
  const bool sequence_;
  const std::size_t gates_;
  const kernels::RecurrenceLabels forward_, backward_;

 private:
  RecurrentMemory<T> memory_of(std::size_t batch) const;

  const bool separate_;
  const kernels::GemmBackend gemm_;
  const kernels::GemmLabels input_, input_gradient_, weight_ih_, weight_hh_;
};

}  // namespace ridgeline::layers
