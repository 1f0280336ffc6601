#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "layers/layer.hpp"
#include "network/graph.hpp"
#include "network/memory.hpp"

namespace ridgeline::network {

/// The location of one parameter in the buffer of all parameters.
struct ParameterSlot {
  std::string layer;
  layers::Parameter parameter;
  std::size_t offset;  ///< scalars from the start of the buffer
  std::size_t size;
};

/// The properties of a sample that a network must match.
struct SampleShape {
  Shape input;
  std::size_t classes = 0;  ///< number of labels; 0 if targets are values
  Shape target;  ///< of value targets; of labels: {} for one per sample, {length} for one per token
  bool has_targets = true;      ///< false: inputs only, so any output is valid
  bool tokens = false;          ///< inputs are integers for an embedding
  std::size_t vocabulary = 0;   ///< number of a text's characters; 0 if the data is not text
  std::size_t first_label = 0;  ///< the smallest label
};

/// A part of a step: a layer in a phase, the loss or the optimizer.
struct StepPart {
  std::string layer, kind;
  layers::Phase phase;
  std::size_t index;  ///< of the layer; for the loss and the optimizer, the number of layers
  /// True for a join of gradients, a second part of the merging layer's backward record.
  bool join = false;
  bool training = true;  ///< of the network
};

/// Returns the index of the record of each part, in order: parts of one layer in one phase have the
/// same record.
std::vector<std::size_t> record_numbers(const std::vector<StepPart>& parts);

/// A network as the deck describes it: layers, shapes, parameters, memory and counts. Needs no
/// Kokkos runtime.
class NetworkPlan {
 public:
  /// Throws RequestError with file, line and key if options or shapes do not match.
  NetworkPlan(const config::Deck& deck, const SampleShape& sample);
  NetworkPlan(const NetworkPlan&) = delete;
  NetworkPlan& operator=(const NetworkPlan&) = delete;

  const Graph graph;
  const std::vector<std::unique_ptr<layers::Layer>>& layers;  ///< of the graph
  /// In the order of the layers. In the buffer, trained parameters come first.
  std::vector<ParameterSlot> parameters;
  std::size_t trained_size = 0;  ///< scalars of trained parameters, including gaps for alignment
  std::size_t parameter_buffer_size = 0;  ///< the same for all parameters
  SampleShape sample;
  config::Loss loss;
  double label_smoothing;
  config::Optimizer optimizer;
  kernels::UpdateRule update_rule;  ///< that of the optimizer
  std::optional<double> clip_norm;
  config::Initialization initialization;

  std::size_t parameter_count() const;  ///< scalars, without gaps
  std::size_t trained_count() const;    ///< those of them that are trained
  std::size_t input_size() const { return size_of(sample.input); }
  std::size_t output_size() const { return size_of(layers.back()->output); }
  bool has_labels() const { return loss == config::Loss::cross_entropy; }
  /// Returns the number of losses per sample: one, or one per token.
  std::size_t loss_rows() const { return has_labels() ? size_of(sample.target) : 1; }
  /// Returns the number of values in a row of the network's output: the logits of a label, or the
  /// whole output.
  std::size_t loss_columns() const { return output_size() / loss_rows(); }
  /// Returns the exclusive upper bound of the input's tokens; 0 if inputs are values.
  std::size_t token_limit() const;

  /// Returns the parts of a step in execution order. Training: forward, loss, backward, optimizer;
  /// inference: forward only.
  std::vector<StepPart> parts(bool training) const;
  /// Returns the number of parts without creating the list.
  std::size_t part_count(bool training) const {
    return training ? 2 * layers.size() + 2 + graph.join_count : layers.size();
  }
  /// Returns the counts of one part.
  layers::Counts counts(const StepPart& part, std::size_t batch, std::size_t scalar_bytes) const;
  /// Returns the sums over the parts of a step; working_set_bytes is that of the whole step.
  layers::Counts step_counts(bool training, std::size_t batch, std::size_t scalar_bytes) const;
  Memory memory(const layers::Target& target, std::size_t batch, bool training) const;
  /// Returns what each layer needs, in their order.
  std::vector<LayerBytes> memory_by_layer(const layers::Target& target, std::size_t batch,
                                          bool training) const;
  bool needs_input_gradient(std::size_t layer) const { return graph.needs_input_gradient(layer); }

 private:
  void check_targets(const config::Deck& deck) const;
  /// Returns advice for the end of an error about an output of more than this many dimensions.
  std::string flatten_advice(std::size_t dimensions) const;
  layers::Counts loss_counts(std::size_t batch, std::size_t scalar_bytes) const;
  layers::Counts update_counts(std::size_t scalar_bytes) const;
};

}  // namespace ridgeline::network
