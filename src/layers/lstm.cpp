#include "layers/lstm.hpp"

#include "kernels/recurrence/cells.hpp"

namespace ridgeline::layers {

using kernels::LstmBackward;
using kernels::LstmForward;
using kernels::recurrence_workspace;

LstmPlan::LstmPlan(std::string layer_name, const Shape& input_shape, const Options& options)
    : RecurrentPlan("lstm", std::move(layer_name), input_shape, options, 4, false) {}

std::unique_ptr<LayerPlan> LstmPlan::read(const config::OptionTable& options,
                                          const std::string& layer_name, const Shape& input_shape) {
  return std::make_unique<LstmPlan>(layer_name, input_shape, Options(options, input_shape));
}

double LstmPlan::other_flops(Phase phase) const {
  // Forward two biases a gate (8), three sigmoids (12) and a tanh, c (3), h (2). Backward dc (5,
  // tanh(c) is not counted again), the gates' gradients (4 each), dc' (1), their sums (4), and with
  // a gradient at every step the sum dy + dh' (1).
  return phase == Phase::forward ? 26 : 26 + (sequence ? 1 : 0);
}

std::size_t LstmPlan::steps_workspace(const Target& target, std::size_t batch, Phase phase) const {
  const auto size = [&](auto zero) {
    using T = decltype(zero);
    return phase == Phase::forward
               ? recurrence_workspace<LstmForward<T, true>>(target.on_device, batch, units)
               : recurrence_workspace<LstmBackward<T>>(target.on_device, batch, units);
  };
  return target.scalar_bytes == sizeof(float) ? size(float()) : size(double());
}

template <class Space, class T>
template <bool Training>
void Lstm<Space, T>::run_forward(const Space& instance, const RecurrentMemory<T>& memory, T* y,
                                 const Vector<Space, T>& workspace) {
  const LstmForward<T, Training> cell{
      int(this->length_),           int(this->units_), this->sequence_, memory.gates,
      memory_.parameters[3].data(), memory.before,     memory.kept,     y};
  kernels::recurrence(instance, this->forward_, memory.batch, cell, memory_.parameters[1],
                      workspace);
}

template <class Space, class T>
void Lstm<Space, T>::forward_steps(const Space& instance, Mode mode,
                                   const RecurrentMemory<T>& memory, T* y,
                                   const Vector<Space, T>& workspace) {
  if (mode == Mode::training) {
    run_forward<true>(instance, memory, y, workspace);
  } else {
    run_forward<false>(instance, memory, y, workspace);
  }
}

template <class Space, class T>
void Lstm<Space, T>::backward_steps(const Space& instance, const RecurrentMemory<T>& memory,
                                    const T* dy, const Vector<Space, T>& workspace) {
  const LstmBackward<T> cell{int(this->length_),
                             int(this->units_),
                             this->sequence_,
                             memory.gates,
                             memory.before,
                             memory.kept,
                             dy,
                             memory.dq};
  kernels::recurrence(instance, this->backward_, memory.batch, cell, memory_.parameters[1],
                      workspace);
}

#define RIDGELINE_LSTM(Space, T) template class Lstm<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_LSTM)

}  // namespace ridgeline::layers
