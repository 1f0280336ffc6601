#include "network/plan.hpp"

#include <algorithm>

#include "core/views.hpp"
#include "network/arena.hpp"

namespace ridgeline::network {

using layers::Counts;
using layers::LayerPlan;
using layers::Phase;

NetworkPlan::NetworkPlan(const config::Deck& deck, const SampleShape& sample_shape)
    : sample(sample_shape),
      loss(deck.train.loss),
      label_smoothing(deck.train.label_smoothing),
      optimizer(deck.train.optimizer),
      initialization(deck.network.initialization) {
  const std::vector<std::string> names = config::layer_names(deck.network.layers);
  const std::size_t alignment = kAlignment / sizeof(float);
  Shape shape = sample.input;
  for (std::size_t i = 0; i < names.size(); ++i) {
    layers.push_back(layers::plan_layer(deck.network.layers[i], names[i], shape));
    shape = layers.back()->output;
    if (parameters.empty()) first_with_parameters_ = i;
    for (layers::ParameterPlan& parameter : layers.back()->parameters()) {
      const std::size_t size = size_of(parameter.shape);
      parameters.push_back({names[i], std::move(parameter), parameter_buffer_size, size});
      parameter_buffer_size += (size + alignment - 1) / alignment * alignment;
    }
  }
  const config::OptionTable& last = deck.network.layers.back();
  if (parameters.empty()) {
    last.fail("kind", "the network has no parameters to train; add a dense layer");
  }
  if (!sample.has_targets) return;
  if (has_labels()) {
    if (sample.classes == 0) {
      deck.train.table.fail("loss",
                            "cross_entropy needs class labels, and the data has values; "
                            "use mse");
    }
    if (shape.size() != 1 || shape[0] != sample.classes) {
      last.fail("units", "the network ends in " + to_string(shape) + ", and the data has " +
                             std::to_string(sample.classes) +
                             " classes; the last layer must give [" +
                             std::to_string(sample.classes) + "]");
    }
  } else {
    if (sample.classes != 0) {
      deck.train.table.fail("loss",
                            "mse needs values to compare with, and the data has class "
                            "labels; use cross_entropy, or data.target = \"input\"");
    }
    if (size_of(shape) != size_of(sample.target)) {
      last.fail("units", "the network ends in " + to_string(shape) + ", and a target is " +
                             to_string(sample.target) + "; their sizes must be the same");
    }
  }
}

std::size_t NetworkPlan::parameter_count() const {
  std::size_t count = 0;
  for (const ParameterSlot& slot : parameters) count += slot.size;
  return count;
}

std::vector<StepPart> NetworkPlan::parts(bool training) const {
  std::vector<StepPart> list;
  const std::size_t count = layers.size();
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back({layers[i]->name, layers[i]->kind, Phase::forward, i});
  }
  if (!training) return list;
  list.push_back({"loss", config::to_string(loss), Phase::forward, count});
  for (std::size_t i = count; i-- > 0;) {
    list.push_back({layers[i]->name, layers[i]->kind, Phase::backward, i});
  }
  list.push_back({"optimizer", config::to_string(optimizer.kind), Phase::update, count});
  return list;
}

Counts NetworkPlan::counts(const StepPart& part, std::size_t batch,
                           std::size_t scalar_bytes) const {
  if (part.index < layers.size()) {
    return layers[part.index]->counts(part.phase, batch, scalar_bytes,
                                      needs_input_gradient(part.index));
  }
  Counts counts;
  if (part.phase == Phase::update) {
    const double count = double(parameter_count());
    const bool momentum = optimizer.momentum != 0;
    counts.flops = count * (2 + (momentum ? 2 : 0) + (optimizer.weight_decay != 0 ? 2 : 0) +
                            (momentum && optimizer.nesterov ? 2 : 0));
    counts.bytes = count * (momentum ? 5 : 3) * scalar_bytes;
    counts.working_set_bytes = count * (momentum ? 3 : 2) * scalar_bytes;
    return counts;
  }
  const double outputs = double(batch) * output_size();
  if (has_labels()) {
    counts.flops = 6 * outputs + 4.0 * batch + (label_smoothing != 0 ? outputs + 4.0 * batch : 0);
    counts.bytes = 2 * outputs * scalar_bytes + double(batch) * sizeof(std::int32_t);
  } else {
    counts.flops = 4 * outputs + double(batch);
    counts.bytes = 3 * outputs * scalar_bytes;
  }
  counts.working_set_bytes = counts.bytes;
  return counts;
}

Counts NetworkPlan::step_counts(bool training, std::size_t batch, std::size_t scalar_bytes) const {
  Counts total;
  for (const StepPart& part : parts(training)) {
    const Counts counts = this->counts(part, batch, scalar_bytes);
    total.flops += counts.flops;
    total.matrix_flops += counts.matrix_flops;
    total.bytes += counts.bytes;
  }
  // Every parameter (with gradient and velocity) and every activation once.
  double scalars =
      double(parameter_count()) * (training ? 2 + (optimizer.momentum != 0 ? 1 : 0) : 1);
  scalars += double(batch) * input_size();
  for (const auto& layer : layers) {
    if (!layer->is_view(training)) scalars += double(batch) * size_of(layer->output);
  }
  total.working_set_bytes = scalars * scalar_bytes;
  return total;
}

Memory NetworkPlan::memory(const layers::Target& target, std::size_t batch, bool training) const {
  const ArenaPlan arena = target.scalar_bytes == sizeof(float)
                              ? plan_arena<float>(*this, target, batch, training)
                              : plan_arena<double>(*this, target, batch, training);
  Memory memory;
  memory.parameters = parameter_buffer_size * target.scalar_bytes;
  if (training) {
    memory.gradients = memory.parameters;
    if (optimizer.momentum != 0) memory.optimizer = memory.parameters;
  }
  memory.workspace = arena.workspace_size * target.scalar_bytes;
  memory.activations = arena.workspace * target.scalar_bytes;
  return memory;
}

}  // namespace ridgeline::network
