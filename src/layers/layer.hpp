#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"
#include "core/views.hpp"
#include "kernels/gemm/gemm.hpp"

namespace ridgeline::layers {

/// Phases of a step, as records and labels name them.
enum class Phase { forward, backward, update };
std::string to_string(Phase phase);

/// Work of one phase by the conventions of docs/layers.md: a multiply-add is 2 FLOPs, bytes are
/// compulsory traffic.
struct Counts {
  double flops = 0;         ///< all of them
  double matrix_flops = 0;  ///< the part in matrix products
  double bytes = 0;
  double working_set_bytes = 0;  ///< distinct bytes touched

  /// What follows one after the other adds up; the working set is the larger one.
  Counts& operator+=(const Counts& other) {
    flops += other.flops;
    matrix_flops += other.matrix_flops;
    bytes += other.bytes;
    if (other.working_set_bytes > working_set_bytes) working_set_bytes = other.working_set_bytes;
    return *this;
  }
};

/// Whether a forward pass is part of a training step: batch_norm then uses the batch's statistics,
/// and dropout drops.
enum class Mode { training, inference };

/// How a parameter begins. `[network] initialization` decides what that means for weights: by
/// default, uniform within 1 / sqrt(default_fan).
enum class Initial {
  weight,
  projection,  ///< a weight whose default is xavier_uniform
  bias,        ///< by default as a weight, else zeros
  normal,      ///< standard normal, whatever the deck says: embeddings
  zeros,
  ones
};

/// One parameter of a layer, in PyTorch's name, shape and order.
struct ParameterPlan {
  ParameterPlan(std::string parameter_name, Shape parameter_shape, Initial begin,
                std::size_t inputs = 1, std::size_t outputs = 1)
      : name(std::move(parameter_name)),
        shape(std::move(parameter_shape)),
        initial(begin),
        fan_in(inputs),
        fan_out(outputs),
        default_fan(inputs) {}

  std::string name;
  Shape shape;
  Initial initial;
  std::size_t fan_in, fan_out;
  std::size_t default_fan;
  bool trained = true;  ///< false for statistics that the forward pass keeps itself
};

/// What a layer's memory depends on beside its shape.
struct Target {
  bool on_device = false;
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t scalar_bytes = 4;
  int workers = 1;  ///< worker_count of a host instance: scratch memory is one a worker
};

/// The target that an instance of a space is.
template <class Space, class T>
Target target_of(const Space& instance, kernels::GemmBackend gemm) {
  return {!kIsHost<Space>, gemm, sizeof(T), worker_count(instance)};
}

/// What a layer is, apart from execution space and memory: its shapes, parameters and counts. Needs
/// no Kokkos runtime, so that a run can be planned where nothing can be computed.
class LayerPlan {
 public:
  LayerPlan(std::string layer_kind, std::string layer_name, Shape input_shape, Shape output_shape)
      : kind(std::move(layer_kind)),
        name(std::move(layer_name)),
        input(std::move(input_shape)),
        output(std::move(output_shape)) {}
  virtual ~LayerPlan() = default;

  const std::string kind;
  const std::string name;
  const Shape input;   ///< of one sample
  const Shape output;  ///< of one sample

  virtual std::vector<ParameterPlan> parameters() const { return {}; }
  /// Scalars kept from forward to backward beside input and output; training alone has them.
  virtual std::size_t saved(std::size_t /*batch*/) const { return 0; }
  /// Scalars of scratch memory inside one phase.
  virtual std::size_t workspace(const Target& /*target*/, std::size_t /*batch*/,
                                bool /*training*/) const {
    return 0;
  }
  /// `input_gradient` is false for a first layer, whose input needs no gradient.
  virtual Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                        bool input_gradient) const = 0;
  /// The counts of `forward` in a network that only infers, where that does less.
  virtual Counts inference_counts(std::size_t batch, std::size_t scalar_bytes) const {
    return counts(Phase::forward, batch, scalar_bytes, true);
  }
  /// Whether output and input are the same memory in another shape, and nothing is computed.
  /// `training` is that of the network: dropout is a view where nothing trains.
  virtual bool is_view(bool /*training*/) const { return false; }
  /// Whether the input is tokens, integers that stand for something, rather than values.
  virtual bool takes_tokens() const { return false; }
};

/// What a layer holds views into; all memory belongs to the network.
template <class Space, class T>
struct LayerMemory {
  /// In the order of LayerPlan::parameters; a gradient is empty where nothing trains.
  std::vector<Vector<Space, T>> parameters, gradients;
  Vector<Space, T> saved, workspace;   ///< `saved` is empty where nothing trains
  const std::int64_t* step = nullptr;  ///< on the space: number of the step under way, from 0
  std::uint64_t seed = 0, stream = 0;  ///< the layer's own random numbers
};

/// A layer's kernels on one execution space and scalar. All launches go to `instance`; nothing is
/// allocated and nothing waits.
template <class Space, class T>
class Layer {
 public:
  virtual ~Layer() = default;
  void bind(const LayerMemory<Space, T>& memory) { memory_ = memory; }
  /// x: [batch, input], y: [batch, output], overwritten.
  virtual void forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
                       const Matrix<Space, T>& y) = 0;
  /// Follows a forward pass in training mode. x, y as in forward; dy: [batch, output]; dx: [batch,
  /// input], overwritten, or without memory where no gradient of the input is wanted. Overwrites
  /// the parameters' gradients.
  virtual void backward(const Space& instance, const Matrix<Space, const T>& x,
                        const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                        const Matrix<Space, T>& dx) = 0;

 protected:
  LayerMemory<Space, T> memory_;
};

/// Reads one layer's table and plans it for inputs of shape `input`. `vocabulary` is the number of
/// a text's characters, 0 where the data is no text. Throws RequestError with file, line and key
/// for an unknown kind or key and for shapes that do not fit.
std::unique_ptr<LayerPlan> plan_layer(const config::OptionTable& options, const std::string& name,
                                      const Shape& input, std::size_t vocabulary = 0);

/// The kinds of layer there are, as decks spell them; `residual` and `sequence`, which hold layers,
/// are for network/graph.hpp to unfold.
const std::vector<std::string>& layer_kinds();

/// The kernels of a planned layer.
template <class Space, class T>
std::unique_ptr<Layer<Space, T>> make_layer(const LayerPlan& plan, const Target& target);

}  // namespace ridgeline::layers
