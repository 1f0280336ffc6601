#include "layers/layer.hpp"

#include "layers/activation.hpp"
#include "layers/attention.hpp"
#include "layers/batch_norm.hpp"
#include "layers/conv2d.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/embedding.hpp"
#include "layers/flatten.hpp"
#include "layers/global_avg_pool.hpp"
#include "layers/gru.hpp"
#include "layers/layer_norm.hpp"
#include "layers/lstm.hpp"
#include "layers/pool2d.hpp"
#include "layers/position_embedding.hpp"
#include "layers/residual.hpp"
#include "layers/softmax.hpp"

namespace ridgeline::layers {
namespace {

// A kind of layer, and how its plan is read from a deck.
struct Kind {
  const char* name;
  std::unique_ptr<LayerPlan> (*read)(const config::OptionTable& options, const std::string& name,
                                     const Shape& input, std::size_t vocabulary);
};

// Few layers ask for the vocabulary.
template <auto Read>
std::unique_ptr<LayerPlan> read(const config::OptionTable& options, const std::string& name,
                                const Shape& input, std::size_t vocabulary) {
  if constexpr (std::is_invocable_v<decltype(Read), const config::OptionTable&, const std::string&,
                                    const Shape&, std::size_t>) {
    return Read(options, name, input, vocabulary);
  } else {
    (void)vocabulary;
    return Read(options, name, input);
  }
}

constexpr Kind kKinds[] = {
    {"dense", read<DensePlan::read>},
    {"conv2d", read<Conv2dPlan::read>},
    {"max_pool2d", read<Pool2dPlan::read_max>},
    {"avg_pool2d", read<Pool2dPlan::read_average>},
    {"global_avg_pool", read<GlobalAvgPoolPlan::read>},
    {"flatten", read<FlattenPlan::read>},
    {"softmax", read<SoftmaxPlan::read>},
    {"position_embedding", read<PositionEmbeddingPlan::read>},
    {"batch_norm", read<BatchNormPlan::read>},
    {"layer_norm", read<LayerNormPlan::read>},
    {"activation", read<ActivationPlan::read>},
    {"dropout", read<DropoutPlan::read>},
    {"embedding", read<EmbeddingPlan::read>},
    {"attention", read<AttentionPlan::read>},
    {"lstm", read<LstmPlan::read>},
    {"gru", read<GruPlan::read>},
};

}  // namespace

std::string to_string(Phase phase) {
  return phase == Phase::forward ? "forward" : phase == Phase::backward ? "backward" : "update";
}

const std::vector<std::string>& layer_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names;
    for (const Kind& kind : kKinds) names.emplace_back(kind.name);
    names.insert(names.end(), {"residual", "sequence"});
    return names;
  }();
  return kinds;
}

std::unique_ptr<LayerPlan> plan_layer(const config::OptionTable& options, const std::string& name,
                                      const Shape& input, std::size_t vocabulary) {
  const std::string wanted = options.one_of("kind", layer_kinds());
  for (const Kind& kind : kKinds) {
    if (wanted != kind.name) continue;
    std::unique_ptr<LayerPlan> plan = kind.read(options, name, input, vocabulary);
    options.finish();
    return plan;
  }
  options.fail("kind", "a layer that holds layers, " + wanted + ", is planned by the network");
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
      make_if<Conv2d<Space, T>, Conv2dPlan>(plan, target, made) ||
      make_if<Pool2d<Space, T>, Pool2dPlan>(plan, target, made) ||
      make_if<GlobalAvgPool<Space, T>, GlobalAvgPoolPlan>(plan, target, made) ||
      make_if<Flatten<Space, T>, FlattenPlan>(plan, target, made) ||
      make_if<Softmax<Space, T>, SoftmaxPlan>(plan, target, made) ||
      make_if<PositionEmbedding<Space, T>, PositionEmbeddingPlan>(plan, target, made) ||
      make_if<BatchNorm<Space, T>, BatchNormPlan>(plan, target, made) ||
      make_if<LayerNorm<Space, T>, LayerNormPlan>(plan, target, made) ||
      make_if<ActivationLayer<Space, T>, ActivationPlan>(plan, target, made) ||
      make_if<Dropout<Space, T>, DropoutPlan>(plan, target, made) ||
      make_if<Embedding<Space, T>, EmbeddingPlan>(plan, target, made) ||
      make_if<Attention<Space, T>, AttentionPlan>(plan, target, made) ||
      make_if<Lstm<Space, T>, LstmPlan>(plan, target, made) ||
      make_if<Gru<Space, T>, GruPlan>(plan, target, made) ||
      make_if<ResidualSum<Space, T>, ResidualPlan>(plan, target, made);
  return made;
}

#define RIDGELINE_MAKE_LAYER(Space, T) \
  template std::unique_ptr<Layer<Space, T>> make_layer<Space, T>(const LayerPlan&, const Target&);
RIDGELINE_FOR_SPACES(RIDGELINE_MAKE_LAYER)

}  // namespace ridgeline::layers
