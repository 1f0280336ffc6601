#include "network/plan.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/scalar.hpp"
#include "core/views.hpp"
#include "io/units.hpp"
#include "network/arena.hpp"

namespace ridgeline::network {

using layers::Counts;
using layers::Phase;

namespace {

kernels::UpdateKind update_kind_of(config::OptimizerKind kind) {
  switch (kind) {
    case config::OptimizerKind::adam:
      return kernels::UpdateKind::adam;
    case config::OptimizerKind::adamw:
      return kernels::UpdateKind::adamw;
    case config::OptimizerKind::rmsprop:
      return kernels::UpdateKind::rmsprop;
    case config::OptimizerKind::sgd:
      break;
  }
  return kernels::UpdateKind::sgd;
}

kernels::UpdateRule update_rule_of(const config::Optimizer& options) {
  return {update_kind_of(options.kind),
          options.momentum,
          options.nesterov,
          options.weight_decay,
          options.beta1,
          options.beta2,
          options.alpha,
          options.epsilon};
}

}  // namespace

NetworkPlan::NetworkPlan(const config::Deck& deck, const SampleShape& sample_shape)
    : graph(deck.network.layers,
            {sample_shape.input, sample_shape.tokens, sample_shape.vocabulary}),
      layers(graph.layers),
      sample(sample_shape),
      loss(deck.train.loss),
      label_smoothing(deck.train.label_smoothing),
      optimizer(deck.train.optimizer),
      update_rule(update_rule_of(optimizer)),
      clip_norm(deck.train.clip_norm),
      initialization(deck.network.initialization) {
  for (const auto& layer : layers) {
    for (layers::Parameter& parameter : layer->parameters()) {
      const std::size_t size = size_of(parameter.shape);
      parameters.push_back({layer->name, std::move(parameter), 0, size});
    }
  }
  constexpr std::size_t alignment = kAlignment / sizeof(float);
  for (const bool trained : {true, false}) {
    for (ParameterSlot& slot : parameters) {
      if (slot.parameter.trained != trained) continue;
      slot.offset = parameter_buffer_size;
      parameter_buffer_size += (slot.size + alignment - 1) / alignment * alignment;
    }
    if (trained) trained_size = parameter_buffer_size;
  }
  const config::OptionTable& last = deck.network.layers.back();
  if (trained_size == 0) {
    last.fail("kind", "the network has no parameters to train; add a dense layer");
  }
  if (sample.has_targets) check_targets(deck);
}

void NetworkPlan::check_targets(const config::Deck& deck) const {
  const config::OptionTable& last = deck.network.layers.back();
  const Shape& end = layers.back()->output;
  const std::string name = config::to_string(loss);
  if (has_labels()) {
    if (sample.classes == 0) {
      const bool rows = sample.target.size() == 1 && sample.target[0] > 1;
      deck.train.table.fail(
          "loss", name + " needs class labels, and the data has values " +
                      to_string(sample.target) + " per sample; " +
                      (rows ? "if they are one-hot, store the classes' numbers instead, integers "
                              "of shape [samples]; if not, use mse"
                            : "use mse"));
    }
    // More logits than the data's classes are allowed: a subset may lack the last classes.
    Shape labels = end;
    labels.pop_back();
    if (labels != sample.target || end.back() < sample.classes) {
      Shape wanted = sample.target;
      wanted.push_back(sample.classes);
      const bool one_column = sample.target == Shape{1} && end.size() == 1;
      const bool one_hot = sample.target == end && sample.classes == 2;
      const bool from_one = sample.first_label == 1 && end.back() + 1 == sample.classes;
      last.fail(
          "units",
          "the network ends in " + to_string(end) + ", and the data has " +
              io::show_count(static_cast<std::int64_t>(sample.classes), "class") +
              (sample.target.empty() ? "" : " for each token") + "; the last layer must give " +
              to_string(wanted) + " or more logits" +
              (one_column
                   ? std::string("; labels of shape [samples, 1] are one per token: store them "
                                 "as [samples], one per sample")
               : one_hot  ? "; if the labels are one-hot, store the classes' numbers "
                            "instead, integers of shape [samples]"
               : from_one ? "; labels begin at 0, and these at 1: subtract 1 from each"
                          : flatten_advice(sample.target.size() + 1)));
    }
    return;
  }
  if (sample.classes != 0) {
    deck.train.table.fail("loss", name +
                                      " needs values to compare with, and the data has class "
                                      "labels; use cross_entropy, or data.target = \"input\"");
  }
  if (size_of(end) != size_of(sample.target)) {
    last.fail("units", "the network ends in " + to_string(end) + ", and a target is " +
                           to_string(sample.target) + "; their sizes must be the same" +
                           flatten_advice(sample.target.size()));
  }
}

std::string NetworkPlan::flatten_advice(std::size_t dimensions) const {
  if (layers.back()->output.size() <= dimensions) return {};
  // The first of the dense layers at the end: without a flatten before it they work on the last
  // dimension alone.
  const layers::Layer* first = nullptr;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    const std::string& kind = (*layer)->kind;
    if (kind == "dense") first = layer->get();
    if (kind != "dense" && kind != "activation" && kind != "dropout" && kind != "softmax") break;
  }
  if (first == nullptr) return {};
  return "; " + first->name + " works on the last dimension of " + to_string(first->input) +
         ": a layer of kind \"flatten\" before it makes one dimension of all";
}

namespace {

std::size_t count_of(const std::vector<ParameterSlot>& slots, bool trained_alone) {
  std::size_t count = 0;
  for (const ParameterSlot& slot : slots) {
    if (slot.parameter.trained || !trained_alone) count += slot.size;
  }
  return count;
}

}  // namespace

std::size_t NetworkPlan::parameter_count() const { return count_of(parameters, false); }
std::size_t NetworkPlan::trained_count() const { return count_of(parameters, true); }

std::size_t NetworkPlan::token_limit() const {
  if (!sample.tokens) return 0;
  for (const auto& layer : layers) {
    if (layer->token_limit() > 0) return layer->token_limit();
  }
  return 0;
}

std::vector<std::size_t> record_numbers(const std::vector<StepPart>& parts) {
  std::vector<std::size_t> numbers;
  std::map<std::pair<std::string, Phase>, std::size_t> known;
  for (const StepPart& part : parts) {
    numbers.push_back(known.insert({{part.layer, part.phase}, known.size()}).first->second);
  }
  return numbers;
}

std::vector<StepPart> NetworkPlan::parts(bool training) const {
  std::vector<StepPart> list;
  const std::size_t count = layers.size();
  const auto add = [&](std::size_t i, Phase phase, bool join) {
    list.push_back({layers[i]->name, layers[i]->kind, phase, i, join, training});
  };
  for (std::size_t i = 0; i < count; ++i) add(i, Phase::forward, false);
  if (!training) return list;
  list.push_back({"loss", config::to_string(loss), Phase::forward, count});
  for (const BackwardStep& step : graph.backward) {
    add(step.layer, Phase::backward, false);
    for (const BackwardStep::Join& join : step.joins) add(join.merge, Phase::backward, true);
  }
  list.push_back({"optimizer", config::to_string(optimizer.kind), Phase::update, count});
  return list;
}

Counts NetworkPlan::counts(const StepPart& part, std::size_t batch,
                           std::size_t scalar_bytes) const {
  if (part.join) {
    // The gradients of two branches are read, and their sum is written.
    const double size = double(graph.join_size(part.index)) * batch;
    return {size, 0, 3 * size * scalar_bytes, 3 * size * scalar_bytes};
  }
  if (part.index < layers.size()) {
    return layers[part.index]->counts(
        {part.phase, batch, needs_input_gradient(part.index), part.training}, scalar_bytes);
  }
  if (part.phase == Phase::update) return update_counts(scalar_bytes);
  return loss_counts(batch, scalar_bytes);
}

Counts NetworkPlan::update_counts(std::size_t scalar_bytes) const {
  const double count = double(trained_count());
  const double states = double(kernels::state_names(update_rule).size());
  Counts counts;
  counts.flops = count * kernels::update_flops(update_rule);
  counts.bytes = count * (3 + 2 * states) * scalar_bytes;
  counts.working_set_bytes = count * (2 + states) * scalar_bytes;
  if (clip_norm) {
    // Square, sum, and product with the clipping factor; the gradients are read once more.
    counts.flops += 3 * count;
    counts.bytes += count * scalar_bytes;
  }
  return counts;
}

Counts NetworkPlan::loss_counts(std::size_t batch, std::size_t scalar_bytes) const {
  const double rows = double(batch * loss_rows()), outputs = rows * loss_columns();
  Counts counts;
  switch (loss) {
    case config::Loss::cross_entropy:
      counts.flops = 6 * outputs + 4 * rows + (label_smoothing != 0 ? outputs + 4 * rows : 0);
      counts.bytes = 2 * outputs * scalar_bytes + rows * sizeof(std::int32_t);
      break;
    case config::Loss::mse:
      counts.flops = 4 * outputs + rows;
      counts.bytes = 3 * outputs * scalar_bytes;
      break;
    case config::Loss::binary_cross_entropy:
      // max(z, 0), z t, the difference, |z|, its negative, exp, 1 +, log, + and the sum: 10; the
      // gradient from that exp: quotient, difference, product.
      counts.flops = 13 * outputs + rows;
      counts.bytes = 3 * outputs * scalar_bytes;
      break;
  }
  counts.working_set_bytes = counts.bytes;
  return counts;
}

Counts NetworkPlan::step_counts(bool training, std::size_t batch, std::size_t scalar_bytes) const {
  Counts total;
  for (const StepPart& part : parts(training)) {
    total += counts(part, batch, scalar_bytes);
  }
  // Every parameter (with its gradient and the optimizer's state) and every activation counts once.
  const double states = double(kernels::state_names(update_rule).size());
  double scalars =
      double(parameter_count()) + (training ? double(trained_count()) * (1 + states) : 0);
  scalars += double(batch) * input_size();
  for (const auto& layer : layers) {
    if (!layer->is_view(training)) scalars += double(batch) * size_of(layer->output);
  }
  total.working_set_bytes = scalars * scalar_bytes;
  return total;
}

Memory NetworkPlan::memory(const layers::Target& target, std::size_t batch, bool training) const {
  const auto [arena, workspace] = with_scalar(target.scalar_bytes, [&](auto zero) {
    using T = decltype(zero);
    const ArenaPlan planned = plan_arena<T>(*this, target, batch, training);
    return std::pair(planned, aligned_size<T>(planned.workspace_size));
  });
  Memory memory;
  memory.parameters = parameter_buffer_size * target.scalar_bytes;
  if (training) {
    memory.gradients = trained_size * target.scalar_bytes;
    memory.optimizer = memory.gradients * kernels::state_names(update_rule).size();
  }
  memory.workspace = workspace * target.scalar_bytes;
  memory.activations = (arena.size - workspace) * target.scalar_bytes;
  return memory;
}

std::vector<LayerBytes> NetworkPlan::memory_by_layer(const layers::Target& target,
                                                     std::size_t batch, bool training) const {
  std::vector<LayerBytes> all;
  auto slot = parameters.begin();  // in the order of the layers
  for (const auto& layer : layers) {
    LayerBytes bytes;
    bytes.layer = layer->name;
    for (; slot != parameters.end() && slot->layer == layer->name; ++slot) {
      bytes.parameters += slot->size * target.scalar_bytes;
      if (training && slot->parameter.trained) bytes.gradients += slot->size * target.scalar_bytes;
    }
    bytes.optimizer = bytes.gradients * kernels::state_names(update_rule).size();
    if (training) bytes.saved = layer->saved(batch) * target.scalar_bytes;
    if (!layer->is_view(training)) {
      bytes.activations = batch * size_of(layer->output) * target.scalar_bytes;
    }
    bytes.workspace = layer->workspace(target, batch, training) * target.scalar_bytes;
    all.push_back(std::move(bytes));
  }
  return all;
}

}  // namespace ridgeline::network
