#include "layers/layer.hpp"

#include "layers/activation.hpp"
#include "layers/dense.hpp"
#include "layers/flatten.hpp"

namespace ridgeline::layers {

std::string to_string(Phase phase) {
  return phase == Phase::forward ? "forward" : phase == Phase::backward ? "backward" : "update";
}

const std::vector<std::string>& layer_kinds() {
  static const std::vector<std::string> kinds = {"dense", "flatten", "activation"};
  return kinds;
}

std::unique_ptr<LayerPlan> plan_layer(const config::OptionTable& options, const std::string& name,
                                      const Shape& input) {
  const std::string kind = options.one_of("kind", layer_kinds());
  std::unique_ptr<LayerPlan> plan;
  if (kind == "dense") {
    plan = DensePlan::read(options, name, input);
  } else if (kind == "flatten") {
    plan = std::make_unique<FlattenPlan>(name, input);
  } else {
    plan = ActivationPlan::read(options, name, input);
  }
  options.finish();
  return plan;
}

template <class Space, class T>
std::unique_ptr<Layer<Space, T>> make_layer(const LayerPlan& plan, const Target& target) {
  if (const auto* dense = dynamic_cast<const DensePlan*>(&plan)) {
    return std::make_unique<Dense<Space, T>>(*dense, target);
  }
  if (const auto* activation = dynamic_cast<const ActivationPlan*>(&plan)) {
    return std::make_unique<ActivationLayer<Space, T>>(*activation);
  }
  return std::make_unique<Flatten<Space, T>>();
}

#define RIDGELINE_MAKE_LAYER(Space, T) \
  template std::unique_ptr<Layer<Space, T>> make_layer<Space, T>(const LayerPlan&, const Target&);
RIDGELINE_FOR_SPACES(RIDGELINE_MAKE_LAYER)

}  // namespace ridgeline::layers
