#include "layers/gru.hpp"

#include "kernels/recurrence/cells.hpp"

namespace ridgeline::layers {

using kernels::GruBackward;
using kernels::GruForward;
using kernels::recurrence_workspace;

GruPlan::GruPlan(std::string layer_name, const Shape& input_shape, const Options& options)
    : RecurrentPlan("gru", std::move(layer_name), input_shape, options, 3, true) {}

std::unique_ptr<LayerPlan> GruPlan::read(const config::OptionTable& options,
                                         const std::string& layer_name, const Shape& input_shape) {
  return std::make_unique<GruPlan>(layer_name, input_shape, Options(options, input_shape));
}

double GruPlan::other_flops(Phase phase) const {
  // Forward two biases and a sigmoid of r and z (12), two biases, product, sum and tanh of n (5),
  // h (3). Backward dh (1 - z) (2), dn' (3), dz (4, 1 - z is known), dr (4), dq_n (1), dh z (1),
  // the sums of dp and dq (4), and with a gradient at every step the sum dy + dh' (1).
  return phase == Phase::forward ? 20 : 19 + (sequence ? 1 : 0);
}

std::size_t GruPlan::steps_workspace(const Target& target, std::size_t batch, Phase phase) const {
  const auto size = [&](auto zero) {
    using T = decltype(zero);
    return phase == Phase::forward
               ? recurrence_workspace<GruForward<T, true>>(target.on_device, batch, units)
               : recurrence_workspace<GruBackward<T>>(target.on_device, batch, units);
  };
  return target.scalar_bytes == sizeof(float) ? size(float()) : size(double());
}

template <class Space, class T>
template <bool Training>
void Gru<Space, T>::run_forward(const Space& instance, const RecurrentMemory<T>& memory, T* y,
                                const Vector<Space, T>& workspace) {
  const GruForward<T, Training> cell{
      int(this->length_),           int(this->units_), this->sequence_, memory.gates,
      memory_.parameters[3].data(), memory.before,     memory.kept,     y};
  kernels::recurrence(instance, this->forward_, memory.batch, cell, memory_.parameters[1],
                      workspace);
}

template <class Space, class T>
void Gru<Space, T>::forward_steps(const Space& instance, Mode mode,
                                  const RecurrentMemory<T>& memory, T* y,
                                  const Vector<Space, T>& workspace) {
  if (mode == Mode::training) {
    run_forward<true>(instance, memory, y, workspace);
  } else {
    run_forward<false>(instance, memory, y, workspace);
  }
}

template <class Space, class T>
void Gru<Space, T>::backward_steps(const Space& instance, const RecurrentMemory<T>& memory,
                                   const T* dy, const Vector<Space, T>& workspace) {
  const GruBackward<T> cell{int(this->length_),
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

#define RIDGELINE_GRU(Space, T) template class Gru<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_GRU)

}  // namespace ridgeline::layers
