#include "network/graph.hpp"

#include <algorithm>

#include "kernels/elementwise/activation.hpp"
#include "layers/residual.hpp"

namespace ridgeline::network {

using config::OptionTable;
using layers::LayerPlan;
using layers::ResidualPlan;

Graph::Graph(const std::vector<OptionTable>& tables, const GraphInput& input)
    : vocabulary_(input.vocabulary) {
  if (size_of(input.shape) == 0) {
    tables.front().fail("kind", "samples of shape " + to_string(input.shape) + " hold nothing");
  }
  const Position end = sequence(tables, "", {kNetworkInput, input.shape, input.tokens});
  if (end.tokens) {
    tables.front().fail("kind", "the data are tokens, which an embedding must come first to read");
  }
  plan_backward();
}

bool Graph::needs_input_gradient(std::size_t layer) const {
  const Operands& from = operands[layer];
  const auto wanted = [&](std::size_t at) {
    return at != kNetworkInput && at != kNone && wants_gradient_[at];
  };
  return wanted(from.input) || wanted(from.shortcut);
}

Graph::Position Graph::append(std::unique_ptr<LayerPlan> layer, const Operands& from) {
  const std::size_t at = layers.size();
  const std::vector<layers::ParameterPlan> parameters = layer->parameters();
  const Shape output = layer->output;
  layers.push_back(std::move(layer));
  operands.push_back(from);
  const bool trains = std::any_of(parameters.begin(), parameters.end(),
                                  [](const auto& parameter) { return parameter.trained; });
  wants_gradient_.push_back(trains || needs_input_gradient(at));
  return {at, output, false};
}

Graph::Position Graph::sequence(const std::vector<OptionTable>& tables, const std::string& prefix,
                                Position from) {
  const std::vector<std::string> names = config::layer_names(tables);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const OptionTable& table = tables[i];
    const std::string name = prefix + names[i];
    const std::string kind = table.one_of("kind", layers::layer_kinds());
    if (kind == "residual") {
      from = residual(table, name, from);
      continue;
    }
    if (kind == "sequence") {
      const std::vector<OptionTable> inner = table.tables("layer");
      table.finish();
      if (inner.empty()) table.fail("layer", name + " needs a list of layers, layer = [ … ]");
      from = sequence(inner, name + "/", from);
      continue;
    }
    // Before its shape is looked at, which says less of what is wrong.
    if (from.tokens && kind != "embedding" && kind != "flatten") {
      table.fail("kind", name +
                             " computes with values, and the data are tokens; an embedding must "
                             "come first");
    }
    std::unique_ptr<LayerPlan> layer = layers::plan_layer(table, name, from.shape, vocabulary_);
    if (!from.tokens && layer->takes_tokens()) {
      table.fail("kind", name +
                             " reads tokens, and there are values here; it must be the first "
                             "layer, on data of integers");
    }
    const bool tokens = from.tokens && !layer->takes_tokens();
    from = append(std::move(layer), {from.at, kNone});
    from.tokens = tokens;
  }
  return from;
}

Graph::Position Graph::residual(const OptionTable& table, const std::string& name, Position from) {
  const std::vector<OptionTable> body = table.tables("layer"), branch = table.tables("shortcut");
  const kernels::Activation activation = kernels::activation_named(
      table.one_of("activation", kernels::activation_names(), std::string("identity")));
  table.finish();
  if (body.empty()) table.fail("layer", name + " needs a list of layers, layer = [ … ]");
  if (from.tokens) table.fail("kind", name + " cannot add tokens; an embedding must come first");
  const Position main = sequence(body, name + "/", from);
  const Position shortcut = sequence(branch, name + "/shortcut/", from);
  if (main.shape != shortcut.shape) {
    table.fail(branch.empty() ? "layer" : "shortcut",
               name + " adds " + to_string(main.shape) + " of its layers to " +
                   to_string(shortcut.shape) + " of its shortcut; the shapes must be the same");
  }
  return append(std::make_unique<ResidualPlan>(name, main.shape, activation),
                {main.at, shortcut.at});
}

void Graph::plan_backward() {
  const std::size_t count = layers.size();
  join_sizes_.assign(count, 0);
  // Which gradient says what is known of a layer's output so far; how many layers wait for each.
  std::vector<std::size_t> gradient_of(count, kNone);
  std::vector<std::size_t> waiting;
  const auto new_gradient = [&](std::size_t size) {
    gradient_sizes.push_back(size);
    waiting.push_back(0);
    return gradient_sizes.size() - 1;
  };
  // The residuals that forked at each layer's output, the outermost (and so last) first.
  std::vector<std::vector<std::size_t>> forks(count);
  for (std::size_t i = count; i-- > 0;) {
    if (operands[i].shortcut == kNone) continue;
    // The shortcut's first layer, or else the sum itself, reads what the residual reads.
    std::size_t at = operands[i].shortcut;
    const std::string prefix = layers[i]->name + "/shortcut/";
    while (at != kNetworkInput && layers[at]->name.compare(0, prefix.size(), prefix) == 0) {
      at = operands[at].input;
    }
    if (at != kNetworkInput) forks[at].push_back(i);
  }
  gradient_of[count - 1] = new_gradient(size_of(layers.back()->output));
  waiting.back() = 1;
  for (std::size_t i = count; i-- > 0;) {
    if (!wants_gradient_[i]) {
      backward.push_back({i, kNone, kNone, {}});
      continue;
    }
    const LayerPlan& layer = *layers[i];
    BackwardStep step{i, gradient_of[i], kNone, {}};
    --waiting[step.dy];
    if (needs_input_gradient(i)) {
      const auto* sum = dynamic_cast<const ResidualPlan*>(&layer);
      const bool same = layer.is_view(true) || (sum && sum->passes_gradient());
      step.dx = same ? step.dy : new_gradient(size_of(layer.input));
      for (const std::size_t to : {operands[i].input, operands[i].shortcut}) {
        if (to == kNetworkInput || to == kNone || !wants_gradient_[to]) continue;
        if (gradient_of[to] == kNone) {
          gradient_of[to] = step.dx;
          ++waiting[step.dx];
          continue;
        }
        // A branch has been here before.
        const std::size_t other = gradient_of[to];
        --waiting[other];
        const bool free = step.dx != step.dy && waiting[step.dx] == 0;
        const std::size_t joined = free ? step.dx : new_gradient(gradient_sizes[step.dx]);
        ++join_count;
        step.joins.push_back({other, step.dx, joined, forks[to].front()});
        join_sizes_[forks[to].front()] = gradient_sizes[joined];
        forks[to].erase(forks[to].begin());
        gradient_of[to] = joined;
        ++waiting[joined];
      }
    }
    backward.push_back(std::move(step));
  }
}

}  // namespace ridgeline::network
