#include "network/arena.hpp"

#include <algorithm>

#include "core/views.hpp"

namespace ridgeline::network {

template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training) {
  ArenaPlan arena;
  const auto take = [&](std::size_t scalars) {
    const std::size_t at = arena.size;
    arena.size += aligned_size<T>(scalars);
    return at;
  };
  std::size_t widest = 0;
  for (const auto& layer : plan.layers) widest = std::max(widest, size_of(layer->output));
  // Inference keeps no activation longer than the next layer needs it.
  std::size_t in_turn[2] = {0, 0};
  if (!training) {
    for (std::size_t& at : in_turn) at = take(batch * widest);
  }
  std::size_t turn = 0;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const layers::LayerPlan& layer = *plan.layers[i];
    if (layer.is_view(training)) {
      arena.outputs.push_back(i == 0 ? kNetworkInput : arena.outputs.back());
    } else if (training) {
      arena.outputs.push_back(take(batch * size_of(layer.output)));
    } else {
      arena.outputs.push_back(in_turn[turn++ % 2]);
    }
    arena.saved.push_back(take(layer.saved(batch)));
    arena.workspace_size = std::max(arena.workspace_size, layer.workspace(target, batch, training));
  }
  if (training) {
    for (std::size_t& at : arena.gradients) at = take(batch * widest);
  }
  arena.row_loss = take(batch);
  arena.row_correct = take(batch);
  arena.workspace = take(arena.workspace_size);
  return arena;
}

template ArenaPlan plan_arena<float>(const NetworkPlan&, const layers::Target&, std::size_t, bool);
template ArenaPlan plan_arena<double>(const NetworkPlan&, const layers::Target&, std::size_t, bool);

}  // namespace ridgeline::network
