#include <cmath>

#include "core/random.hpp"
#include "network/network.hpp"

namespace ridgeline::network {
namespace {

using config::Initialization;
using layers::Initial;

// One number of a parameter by its position. `standard` is PyTorch's own for each layer: for dense
// weights and biases, uniform within 1 / sqrt(fan_in). The others are those of He et al. (ICCV
// 2015) and Glorot and Bengio (AISTATS 2010), with biases of zero.
double initial_value(Initialization initialization, const layers::ParameterPlan& parameter,
                     const Philox& random) {
  const double fan_in = double(parameter.fan_in), fan_out = double(parameter.fan_out);
  if (parameter.initial == Initial::ones) return 1.0;
  if (parameter.initial == Initial::zeros) return 0.0;
  const double symmetric = 2.0 * random.uniform(0) - 1.0;
  if (initialization == Initialization::standard) return symmetric / std::sqrt(fan_in);
  if (parameter.initial == Initial::bias) return 0.0;
  if (initialization == Initialization::kaiming_normal) {
    return random.normal() * std::sqrt(2.0 / fan_in);
  }
  return symmetric * std::sqrt(6.0 / (fan_in + fan_out));
}

}  // namespace

template <class T>
std::vector<T> initial_parameters(const NetworkPlan& plan, std::uint64_t seed) {
  std::vector<T> values(plan.parameter_buffer_size, T(0));
  for (std::size_t index = 0; index < plan.parameters.size(); ++index) {
    const ParameterSlot& slot = plan.parameters[index];
    for (std::size_t i = 0; i < slot.size; ++i) {
      const Philox random(seed, stream::kParameters + index, i);
      values[slot.offset + i] =
          static_cast<T>(initial_value(plan.initialization, slot.plan, random));
    }
  }
  return values;
}

template std::vector<float> initial_parameters<float>(const NetworkPlan&, std::uint64_t);
template std::vector<double> initial_parameters<double>(const NetworkPlan&, std::uint64_t);

}  // namespace ridgeline::network
