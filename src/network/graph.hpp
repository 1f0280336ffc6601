#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "layers/layer.hpp"

namespace ridgeline::network {

/// The network's input, as a layer's operand.
inline constexpr std::size_t kNetworkInput = static_cast<std::size_t>(-1);
/// No layer, or no gradient.
inline constexpr std::size_t kNone = static_cast<std::size_t>(-2);

/// The operands of a layer, one per input: outputs of other layers, by index, or kNetworkInput.
using Operands = std::vector<std::size_t>;

/// The input of the deck's first layer, as far as layers depend on it.
struct GraphInput {
  Shape shape;                 ///< of one sample
  bool tokens = false;         ///< integers that an embedding turns into values
  std::size_t vocabulary = 0;  ///< of text: the value of `units = "vocabulary"`
};

/// One layer's backward pass. Gradients of activations are numbered; each is a tensor that is
/// written once and then read.
struct BackwardStep {
  /// sum = a + b: gradients of one output that two layers read. `sum` may be `b`.
  struct Join {
    std::size_t a, b, sum;
    std::size_t merge;  ///< the layer that merges the two branches, whose record includes this
  };
  std::size_t layer;
  std::size_t dy;  ///< gradient of the layer's output; kNone if it is not needed
  /// Gradients of the layer's inputs, written here; equal to dy if it is passed on, kNone if not
  /// needed.
  std::vector<std::size_t> dx;
  std::vector<Join> joins;  ///< run after the layer's own backward pass
};

/// A deck's layers in one list in execution order, with nested lists of layers (`sequence`, and the
/// branches of layers of two inputs such as `residual`) flattened. A layer of two inputs merges its
/// branches and follows them in the list; a sequence contributes only its name. Nested layers are
/// named by their path, `outer/inner`, or, on a shortcut, `outer/shortcut/inner`.
class Graph {
 public:
  /// Throws RequestError with file, line and key if options or shapes do not match.
  Graph(const std::vector<config::OptionTable>& tables, const GraphInput& input);

  std::vector<std::unique_ptr<layers::Layer>> layers;
  std::vector<Operands> operands;  ///< of each layer

  /// Returns whether a layer or one before it has something to train, so that its output's gradient
  /// is needed.
  bool wants_gradient(std::size_t layer) const { return wants_gradient_[layer]; }
  /// Returns false for a layer with nothing to train before it: the gradient of its input is not
  /// needed.
  bool needs_input_gradient(std::size_t layer) const;

  /// The backward passes in execution order, from the last layer to the first.
  std::vector<BackwardStep> backward;
  std::size_t join_count = 0;
  /// Scalars per sample of each gradient; the first is that of the network's output.
  std::vector<std::size_t> gradient_sizes;

  /// Returns the scalars per sample of the gradient that is joined where the branches of a layer
  /// fork; 0 if none is.
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
  std::unique_ptr<layers::Layer> read(const config::OptionTable& table, const std::string& name,
                                      const Shape& input) const;
  void plan_backward();

  std::size_t vocabulary_;
  std::string advice_;  ///< on samples that may be images in another layout
  std::vector<bool> wants_gradient_;
  std::vector<std::size_t> forks_;  ///< per layer: where its branches fork; kNone if it has none
  std::vector<std::size_t> join_sizes_;  ///< per layer; 0 unless its branches fork
};

}  // namespace ridgeline::network
