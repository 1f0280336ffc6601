#include "layers/layer.hpp"

#include "layers/activation.hpp"
#include "layers/batch_norm.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/flatten.hpp"
#include "layers/global_avg_pool.hpp"
#include "layers/pool2d.hpp"
#include "layers/residual.hpp"
#include "layers/softmax.hpp"

namespace ridgeline::layers {
namespace {

// A kind of layer, and how its plan is read from a deck.
struct Kind {
  const char* name;
  std::unique_ptr<LayerPlan> (*read)(const config::OptionTable& options, const std::string& name,
                                     const Shape& input);
};

constexpr Kind kKinds[] = {
    {"dense", DensePlan::read},
    {"max_pool2d", Pool2dPlan::read_max},
    {"avg_pool2d", Pool2dPlan::read_average},
    {"global_avg_pool", GlobalAvgPoolPlan::read},
    {"flatten", FlattenPlan::read},
    {"softmax", SoftmaxPlan::read},
    {"batch_norm", BatchNormPlan::read},
    {"activation", ActivationPlan::read},
    {"dropout", DropoutPlan::read},
};

}  // namespace

std::string to_string(Phase phase) {
  return phase == Phase::forward ? "forward" : phase == Phase::backward ? "backward" : "update";
}

const std::vector<std::string>& layer_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const Kind& kind : kKinds) names.emplace_back(kind.name);
    return names;
  }();
  return kinds;
}

std::unique_ptr<LayerPlan> plan_layer(const config::OptionTable& options, const std::string& name,
                                      const Shape& input) {
  const std::string wanted = options.one_of("kind", layer_kinds());
  for (const Kind& kind : kKinds) {
    if (wanted != kind.name) continue;
    std::unique_ptr<LayerPlan> plan = kind.read(options, name, input);
    options.finish();
    return plan;
  }
  options.fail("kind", "no such kind of layer: " + wanted);
}

namespace {

// The kernels of a plan of this type, if it is one.
template <class LayerType, class Plan, class Space, class T>
bool make_if(const LayerPlan& plan, const Target& target, std::unique_ptr<Layer<Space, T>>& made) {
  const auto* mine = dynamic_cast<const Plan*>(&plan);
  if (mine) made = std::make_unique<LayerType>(*mine, target);
  return mine != nullptr;
}

}  // namespace

template <class Space, class T>
std::unique_ptr<Layer<Space, T>> make_layer(const LayerPlan& plan, const Target& target) {
  std::unique_ptr<Layer<Space, T>> made;
  make_if<Dense<Space, T>, DensePlan>(plan, target, made) ||
      make_if<Pool2d<Space, T>, Pool2dPlan>(plan, target, made) ||
      make_if<GlobalAvgPool<Space, T>, GlobalAvgPoolPlan>(plan, target, made) ||
      make_if<Flatten<Space, T>, FlattenPlan>(plan, target, made) ||
      make_if<Softmax<Space, T>, SoftmaxPlan>(plan, target, made) ||
      make_if<BatchNorm<Space, T>, BatchNormPlan>(plan, target, made) ||
      make_if<ActivationLayer<Space, T>, ActivationPlan>(plan, target, made) ||
      make_if<Dropout<Space, T>, DropoutPlan>(plan, target, made) ||
      make_if<ResidualSum<Space, T>, ResidualPlan>(plan, target, made);
  return made;
}

#define RIDGELINE_MAKE_LAYER(Space, T) \
  template std::unique_ptr<Layer<Space, T>> make_layer<Space, T>(const LayerPlan&, const Target&);
RIDGELINE_FOR_SPACES(RIDGELINE_MAKE_LAYER)

}  // namespace ridgeline::layers
