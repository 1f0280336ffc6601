#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"
#include "core/views.hpp"
#include "kernels/gemm.hpp"

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
};

/// How a parameter begins; `[network] initialization` decides what that means for weights.
enum class Initial { weight, bias, zeros, ones };

/// One parameter of a layer, in PyTorch's name, shape and order.
struct ParameterPlan {
  std::string name;
  Shape shape;
  Initial initial = Initial::weight;
  std::size_t fan_in = 1, fan_out = 1;
};

/// What a layer's memory depends on beside its shape.
struct Target {
  bool on_device = false;
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t scalar_bytes = 4;
};

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
  /// Scalars kept from forward to backward beside input and output.
  virtual std::size_t saved(std::size_t /*batch*/) const { return 0; }
  /// Scalars of scratch memory inside one phase.
  virtual std::size_t workspace(const Target& /*target*/, std::size_t /*batch*/,
                                bool /*training*/) const {
    return 0;
  }
  /// `input_gradient` is false for a first layer, whose input needs no gradient.
  virtual Counts counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                        bool input_gradient) const = 0;
  /// Whether output and input are the same memory in another shape, and nothing is computed.
  virtual bool is_view() const { return false; }
};

/// What a layer holds views into; all memory belongs to the network.
template <class Space, class T>
struct LayerMemory {
  std::vector<Vector<Space, T>> parameters, gradients;  ///< in the order of LayerPlan::parameters
  Vector<Space, T> saved, workspace;
};

/// A layer's kernels on one execution space and scalar. All launches go to `instance`; nothing is
/// allocated and nothing waits.
template <class Space, class T>
class Layer {
 public:
  virtual ~Layer() = default;
  virtual void bind(const LayerMemory<Space, T>& memory) = 0;
  /// x: [batch, input], y: [batch, output], overwritten.
  virtual void forward(const Space& instance, const Matrix<Space, const T>& x,
                       const Matrix<Space, T>& y) = 0;
  /// x, y as in forward; dy: [batch, output], may be overwritten; dx: [batch, input], overwritten,
  /// or empty where no gradient of the input is wanted. Overwrites the parameters' gradients.
  virtual void backward(const Space& instance, const Matrix<Space, const T>& x,
                        const Matrix<Space, const T>& y, const Matrix<Space, T>& dy,
                        const Matrix<Space, T>& dx) = 0;
};

/// Reads one `[[network.layer]]` table and plans the layer for inputs of shape `input`. Throws
/// RequestError with file, line and key for an unknown kind or key and for shapes that do not fit.
std::unique_ptr<LayerPlan> plan_layer(const config::OptionTable& options, const std::string& name,
                                      const Shape& input);

/// The kinds of layer there are, as decks spell them.
const std::vector<std::string>& layer_kinds();

/// The kernels of a planned layer.
template <class Space, class T>
std::unique_ptr<Layer<Space, T>> make_layer(const LayerPlan& plan, const Target& target);

}  // namespace ridgeline::layers
