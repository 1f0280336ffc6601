#include "layers/dropout.hpp"

#include "kernels/dropout/dropout.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::layers {

std::unique_ptr<LayerPlan> DropoutPlan::read(const config::OptionTable& options,
                                             const std::string& layer_name,
                                             const Shape& input_shape) {
  const double rate = options.real("rate", config::Range::half_open(0, 1));
  return std::make_unique<DropoutPlan>(layer_name, input_shape, rate);
}

Counts DropoutPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                           bool input_gradient) const {
  const double size = double(batch) * size_of(input);
  Counts counts;
  if (phase == Phase::backward && !input_gradient) return counts;
  counts.flops = 2 * size;
  counts.bytes = counts.working_set_bytes = 2 * size * scalar_bytes;
  return counts;
}

template <class Space, class T>
Dropout<Space, T>::Dropout(const DropoutPlan& plan, const Target&)
    : rate_(plan.rate), forward_(plan.name + "/forward"), backward_(plan.name + "/backward") {}

template <class Space, class T>
void Dropout<Space, T>::apply(const Space& instance, const std::string& label,
                              const Matrix<Space, const T>& from,
                              const Matrix<Space, T>& to) const {
  const kernels::DropoutMask mask(memory_.seed, memory_.stream, rate_);
  kernels::dropout<Space, T>(instance, label, mask,
                             Vector<Space, const std::int64_t>(memory_.step, 1), as_vector(from),
                             as_vector(to));
}

template <class Space, class T>
void Dropout<Space, T>::forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
                                const Matrix<Space, T>& y) {
  if (mode == Mode::training) {
    apply(instance, forward_, x, y);
  } else if (x.data() != y.data()) {  // the same in a network that only infers
    kernels::copy<Space, T>(instance, forward_, as_vector(x), as_vector(y));
  }
}

template <class Space, class T>
void Dropout<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& /*x*/,
                                 const Matrix<Space, const T>& /*y*/,
                                 const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  if (dx.data()) apply(instance, backward_, dy, dx);
}

#define RIDGELINE_DROPOUT(Space, T) template class Dropout<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_DROPOUT)

}  // namespace ridgeline::layers
