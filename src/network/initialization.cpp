#include <cmath>

#include "core/random.hpp"
#include "network/network.hpp"

namespace ridgeline::network {
namespace {

using config::Initialization;
using layers::Initial;

// Returns one value of a parameter by its position. `standard` is PyTorch's default of each layer.
// The others are those of He et al. (ICCV 2015) and Glorot and Bengio (AISTATS 2010), with biases
// of zero.
double initial_value(Initialization initialization, const layers::Parameter& parameter,
                     const Philox& random) {
  const double fan_in = double(parameter.fan_in), fan_out = double(parameter.fan_out);
  const double symmetric = 2.0 * random.uniform(0) - 1.0;
  const double xavier = symmetric * std::sqrt(6.0 / (fan_in + fan_out));
  const bool standard = initialization == Initialization::standard;
  switch (parameter.initial) {
    case Initial::ones:
      return 1.0;
    case Initial::zeros:
      return 0.0;
    case Initial::normal:
      return random.normal();
    case Initial::bias:
      return standard ? symmetric / std::sqrt(double(parameter.default_fan)) : 0.0;
    case Initial::projection:
      if (standard) return xavier;
      break;
    case Initial::weight:
      if (standard) return symmetric / std::sqrt(double(parameter.default_fan));
      break;
  }
  if (initialization == Initialization::xavier_uniform) return xavier;
  return random.normal() * std::sqrt(2.0 / fan_in);
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
          static_cast<T>(initial_value(plan.initialization, slot.parameter, random));
    }
  }
  return values;
}

template std::vector<float> initial_parameters<float>(const NetworkPlan&, std::uint64_t);
template std::vector<double> initial_parameters<double>(const NetworkPlan&, std::uint64_t);

}  // namespace ridgeline::network
