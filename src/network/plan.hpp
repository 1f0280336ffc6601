#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "layers/layer.hpp"
#include "network/graph.hpp"

namespace ridgeline::network {

/// Where one parameter lies in the buffer of all parameters.
struct ParameterSlot {
  std::string layer;
  layers::Parameter parameter;
  std::size_t offset;  ///< scalars from the start of the buffer
  std::size_t size;
};

/// What the data says about a sample, as far as a network must fit it.
struct SampleShape {
  Shape input;
  std::size_t classes = 0;  ///< number of labels, 0 where targets are values
  Shape target;  ///< of value targets; of labels, {} for one a sample, {length} one a token
  bool has_targets = true;     ///< false: inputs alone, whatever the network ends in fits
  bool tokens = false;         ///< inputs are integers for an embedding
  std::size_t vocabulary = 0;  ///< number of a text's characters; 0 where the data is no text
};

/// Bytes that a network needs on its space, by purpose.
struct Memory {
  std::size_t parameters = 0, gradients = 0, optimizer = 0, activations = 0, workspace = 0;
  std::size_t total() const { return parameters + gradients + optimizer + activations + workspace; }
};

/// A record of a step: a layer in a phase, or what the whole network shares.
struct StepPart {
  std::string layer, kind;
  layers::Phase phase;
  std::size_t index;  ///< of the layer; of the loss and the optimizer, the number of layers
  /// Where gradients of a residual's branches are added up: a second part of its backward record.
  bool join = false;
  bool training = true;  ///< of the network
};

/// Which record each part belongs to, numbered in their order: parts of one layer in one phase
/// share one.
std::vector<std::size_t> record_numbers(const std::vector<StepPart>& parts);

/// A network as the deck describes it: layers, shapes, parameters, memory and counts. Needs no
/// Kokkos runtime.
class NetworkPlan {
 public:
  /// Throws RequestError with file, line and key where options or shapes do not fit.
  NetworkPlan(const config::Deck& deck, const SampleShape& sample);
  NetworkPlan(const NetworkPlan&) = delete;
  NetworkPlan& operator=(const NetworkPlan&) = delete;

  const Graph graph;
  const std::vector<std::unique_ptr<layers::Layer>>& layers;  ///< of the graph
  /// In the order of the layers. In the buffer, what is trained comes first.
  std::vector<ParameterSlot> parameters;
  std::size_t trained_size = 0;  ///< scalars of what is trained, gaps for alignment included
  std::size_t parameter_buffer_size = 0;  ///< the same of all parameters
  SampleShape sample;
  config::Loss loss;
  double label_smoothing;
  config::Optimizer optimizer;
  kernels::UpdateRule update_rule;  ///< the optimizer's
  std::optional<double> clip_norm;
  config::Initialization initialization;

  std::size_t parameter_count() const;  ///< scalars, without gaps
  std::size_t trained_count() const;    ///< those of them that are trained
  std::size_t input_size() const { return size_of(sample.input); }
  std::size_t output_size() const { return size_of(layers.back()->output); }
  bool has_labels() const { return loss == config::Loss::cross_entropy; }
  /// Losses a sample: one, or one a token.
  std::size_t loss_rows() const { return has_labels() ? size_of(sample.target) : 1; }
  /// Numbers in a row of the network's output: a label's logits, or the whole output.
  std::size_t loss_columns() const { return output_size() / loss_rows(); }
  /// Tokens are below it; 0 where inputs are values.
  std::size_t token_limit() const;

  /// The parts of a step in the order they run: training is forward, loss, backward, optimizer;
  /// inference forward alone.
  std::vector<StepPart> parts(bool training) const;
  /// How many parts there are, known without making the list.
  std::size_t part_count(bool training) const {
    return training ? 2 * layers.size() + 2 + graph.join_count : layers.size();
  }
  /// Counts of one part.
  layers::Counts counts(const StepPart& part, std::size_t batch, std::size_t scalar_bytes) const;
  /// Sums over the parts of a step; working_set_bytes is that of the whole step.
  layers::Counts step_counts(bool training, std::size_t batch, std::size_t scalar_bytes) const;
  Memory memory(const layers::Target& target, std::size_t batch, bool training) const;
  bool needs_input_gradient(std::size_t layer) const { return graph.needs_input_gradient(layer); }

 private:
  void check_targets(const config::Deck& deck) const;
  layers::Counts loss_counts(std::size_t batch, std::size_t scalar_bytes) const;
  layers::Counts update_counts(std::size_t scalar_bytes) const;
};

}  // namespace ridgeline::network
