#include "network/graph.hpp"

#include <algorithm>

#include "data/image_advice.hpp"
#include "layers/image.hpp"

namespace ridgeline::network {

using config::OptionTable;
using layers::InputGradients;
using layers::Layer;

Graph::Graph(const std::vector<OptionTable>& tables, const GraphInput& input)
    : vocabulary_(input.vocabulary) {
  // A text's characters are no images.
  if (vocabulary_ == 0) advice_ = data::image_advice(input.shape, input.tokens);
  if (size_of(input.shape) == 0) {
    tables.front().fail("kind", "samples of shape " + to_string(input.shape) + " hold nothing");
  }
  const Position end = sequence(tables, "", {kNetworkInput, input.shape, input.tokens});
  if (end.tokens) {
    tables.front().fail(
        "kind", "the data are tokens, which an embedding must come first to read" + advice_);
  }
  plan_backward();
}

bool Graph::needs_input_gradient(std::size_t layer) const {
  return std::any_of(operands[layer].begin(), operands[layer].end(), [&](std::size_t from) {
    return from != kNetworkInput && wants_gradient_[from];
  });
}

Graph::Position Graph::append(std::unique_ptr<Layer> layer, Operands from, std::size_t fork) {
  const std::size_t at = layers.size();
  const std::vector<layers::Parameter> parameters = layer->parameters();
  const Shape output = layer->output;
  layers.push_back(std::move(layer));
  operands.push_back(std::move(from));
  forks_.push_back(fork);
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
    const std::string kind =
        table.one_of({"kind", "Operation of the layer."}, layers::layer_kind_names());
    if (kind == layers::kSequence) {
      const std::vector<OptionTable> inner =
          table.tables({"layer", "The layers that the name stands for."});
      table.finish();
      if (inner.empty()) table.fail("layer", name + " needs a list of layers, layer = [ … ]");
      from = sequence(inner, name + "/", from);
      continue;
    }
    const layers::LayerKind& known = *layers::find_layer_kind(kind);
    // Checked before shapes, whose error would be less specific.
    if (from.tokens && !known.accepts_tokens) {
      table.fail("kind", name +
                             " computes with values, and the data are tokens; an embedding must "
                             "come first" +
                             advice_);
    }
    if (known.input_count > 1) {
      from = branches(table, name, from);
      continue;
    }
    std::unique_ptr<Layer> layer = read(table, name, from.shape);
    const bool takes_tokens = layer->token_limit() > 0;
    if (!from.tokens && takes_tokens) {
      table.fail("kind", name +
                             " reads tokens, and there are values here; it must be the first "
                             "layer, on data of integers");
    }
    const bool tokens = from.tokens && !takes_tokens;
    from = append(std::move(layer), {from.at}, kNone);
    from.tokens = tokens;
  }
  return from;
}

Graph::Position Graph::branches(const OptionTable& table, const std::string& name, Position from) {
  const std::vector<OptionTable> body = table.tables({"layer", "The layers of the main branch."});
  const std::vector<OptionTable> branch = table.tables(
      {"shortcut", "The layers of the other branch; without them it passes the input on unchanged.",
       "none"});
  if (body.empty()) {
    read(table, name, from.shape);  // names a misspelled key
    table.fail("layer", name + " needs a list of layers, layer = [ … ]");
  }
  const Position main = sequence(body, name + "/", from);
  const Position shortcut = sequence(branch, name + "/shortcut/", from);
  if (main.shape != shortcut.shape) {
    table.fail(branch.empty() ? "layer" : "shortcut",
               name + " has " + to_string(main.shape) + " from its layers and " +
                   to_string(shortcut.shape) + " from its shortcut; the shapes must be the same");
  }
  return append(read(table, name, main.shape), {main.at, shortcut.at}, from.at);
}

std::unique_ptr<Layer> Graph::read(const OptionTable& table, const std::string& name,
                                   const Shape& input) const {
  try {
    return layers::read_layer({table, name, input, vocabulary_});
  } catch (const layers::ImageError& error) {
    throw RequestError(error.what() + advice_);
  }
}

void Graph::plan_backward() {
  const std::size_t count = layers.size();
  join_sizes_.assign(count, 0);
  // The gradient of each layer's output so far, and the number of backward passes that still read
  // each gradient.
  std::vector<std::size_t> gradient_of(count, kNone);
  std::vector<std::size_t> waiting;
  const auto new_gradient = [&](std::size_t size) {
    gradient_sizes.push_back(size);
    waiting.push_back(0);
    return gradient_sizes.size() - 1;
  };
  // The layers that merge branches forked at each layer's output, the outermost (and so last)
  // first. If a shortcut begins with such a layer, a join may be recorded with the other of the
  // two.
  std::vector<std::vector<std::size_t>> forks(count);
  for (std::size_t i = count; i-- > 0;) {
    if (forks_[i] != kNone && forks_[i] != kNetworkInput) forks[forks_[i]].push_back(i);
  }
  gradient_of[count - 1] = new_gradient(size_of(layers.back()->output));
  waiting.back() = 1;
  for (std::size_t i = count; i-- > 0;) {
    if (!wants_gradient_[i]) {
      backward.push_back({i, kNone, Operands(operands[i].size(), kNone), {}});
      continue;
    }
    BackwardStep step{i, gradient_of[i], Operands(operands[i].size(), kNone), {}};
    --waiting[step.dy];
    const InputGradients kind = layers[i]->input_gradients();
    std::size_t dx = kind == InputGradients::passed ? step.dy : kNone;
    for (std::size_t k = 0; k < operands[i].size(); ++k) {
      const std::size_t to = operands[i][k];
      if (to == kNetworkInput || !wants_gradient_[to]) continue;
      if (dx == kNone || kind == InputGradients::separate) {
        dx = new_gradient(size_of(layers[i]->input));
      }
      step.dx[k] = dx;
      if (gradient_of[to] == kNone) {
        gradient_of[to] = dx;
        ++waiting[dx];
        continue;
      }
      // Another reader of this output has already contributed a gradient: the two are joined.
      const std::size_t other = gradient_of[to];
      --waiting[other];
      const bool free = dx != step.dy && waiting[dx] == 0;
      const std::size_t joined = free ? dx : new_gradient(gradient_sizes[dx]);
      ++join_count;
      step.joins.push_back({other, dx, joined, forks[to].front()});
      join_sizes_[forks[to].front()] = gradient_sizes[joined];
      forks[to].erase(forks[to].begin());
      gradient_of[to] = joined;
      ++waiting[joined];
    }
    backward.push_back(std::move(step));
  }
}

}  // namespace ridgeline::network
