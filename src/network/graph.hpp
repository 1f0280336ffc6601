#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "layers/layer.hpp"

namespace ridgeline::network {

/// Where a network's input stands for a layer's output.
inline constexpr std::size_t kNetworkInput = static_cast<std::size_t>(-1);
/// No layer, or no gradient.
inline constexpr std::size_t kNone = static_cast<std::size_t>(-2);

/// What a layer reads, one for each of its inputs: outputs of other layers, by index, or
/// kNetworkInput.
using Operands = std::vector<std::size_t>;

/// What the deck's layers read, as far as they ask for it.
struct GraphInput {
  Shape shape;                 ///< of one sample
  bool tokens = false;         ///< integers that an embedding turns into values
  std::size_t vocabulary = 0;  ///< of text: what `units = "vocabulary"` means
};

/// One layer's backward pass. Gradients of activations are numbered; each is a tensor that is
/// written once and then read.
struct BackwardStep {
  /// sum = a + b: gradients of one output that two branches read. `sum` may be `b`.
  struct Join {
    std::size_t a, b, sum;
    std::size_t merge;  ///< the layer where the two branches meet, to which this is accounted
  };
  std::size_t layer;
  std::size_t dy;  ///< gradient of the layer's output; kNone if it is not needed
  /// Gradients of its inputs, written here; dy itself where that is the same, kNone where it is not
  /// needed.
  std::vector<std::size_t> dx;
  std::vector<Join> joins;  ///< follow the layer's own backward pass
};

/// A deck's layers, those inside layers of two inputs (`residual`) and `sequence` unfolded into one
/// list in the order in which they run. A layer of two inputs is what merges its branches, at their
/// end; a sequence is nothing but a name. Layers inside are named by their path, `outer/inner`, on
/// a shortcut `outer/shortcut/inner`.
class Graph {
 public:
  /// Throws RequestError with file, line and key where options or shapes do not fit.
  Graph(const std::vector<config::OptionTable>& tables, const GraphInput& input);

  std::vector<std::unique_ptr<layers::Layer>> layers;
  std::vector<Operands> operands;  ///< of each layer

  /// Whether a layer or one before it has something to train, so that its output's gradient is
  /// wanted.
  bool wants_gradient(std::size_t layer) const { return wants_gradient_[layer]; }
  /// False for a layer with nothing to train before it: the gradient of its input is not needed.
  bool needs_input_gradient(std::size_t layer) const;

  /// The backward passes in their order, from the last layer to the first.
  std::vector<BackwardStep> backward;
  std::size_t join_count = 0;
  /// Scalars per sample of each gradient; the first is that of the network's output.
  std::vector<std::size_t> gradient_sizes;

  /// Scalars per sample of the gradients that are added up where the branches of a layer forked.
  std::size_t join_size(std::size_t merge) const { return join_sizes_[merge]; }

 private:
  struct Position {
    std::size_t at;
    Shape shape;
    bool tokens;
  };
  Position append(std::unique_ptr<layers::Layer> layer, Operands operands, std::size_t fork);
  Position sequence(const std::vector<config::OptionTable>& tables, const std::string& prefix,
                    Position from);
  Position branches(const config::OptionTable& table, const std::string& name, Position from);
  void plan_backward();

  std::size_t vocabulary_;
  std::vector<bool> wants_gradient_;
  std::vector<std::size_t> forks_;       ///< of each layer, where its branches began; kNone without
  std::vector<std::size_t> join_sizes_;  ///< of each layer; 0 unless its branches forked
};

}  // namespace ridgeline::network
