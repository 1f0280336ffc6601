#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"
#include "core/views.hpp"
#include "kernels/gemm/gemm.hpp"
#include "layers/formula.hpp"

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

  /// Adds work that follows: the working set is the larger one.
  Counts& operator+=(const Counts& other) {
    flops += other.flops;
    matrix_flops += other.matrix_flops;
    bytes += other.bytes;
    if (other.working_set_bytes > working_set_bytes) working_set_bytes = other.working_set_bytes;
    return *this;
  }
};

/// Which pass of a layer is counted.
struct CountedPass {
  Phase phase = Phase::forward;
  std::size_t batch = 1;
  bool input_gradient = true;  ///< false for a first layer, whose input needs no gradient
  bool training = true;        ///< of the network; without it, `forward` may do less
};

/// Work of one pass of a layer, as formulas. Every scalar counted is touched once, so that the
/// working set is what is moved.
struct Work {
  Formula matrix_flops;  ///< in matrix products
  Formula other_flops;
  Formula scalars;      ///< moved: of the network's precision
  Formula token_bytes;  ///< moved: of token numbers, whatever they are stored as
};
/// Returns the work in numbers for scalars of this size.
Counts counts_of(const Work& work, std::size_t scalar_bytes);

/// Whether a forward pass is part of a training step: batch_norm then uses the batch's statistics,
/// and dropout drops.
enum class Mode { training, inference };

/// Initial values of a parameter. `[network] initialization` decides what that means for weights:
/// by default, uniform within 1 / sqrt(default_fan).
enum class Initial {
  weight,
  projection,  ///< a weight whose default is xavier_uniform
  bias,        ///< by default as a weight, else zeros
  normal,      ///< standard normal, whatever the deck says: embeddings
  zeros,
  ones
};

/// One parameter of a layer, in PyTorch's name, shape and order.
struct Parameter {
  Parameter(std::string parameter_name, Shape parameter_shape, Initial begin,
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
  int workers = 1;  ///< worker_count of a host instance: each worker has its scratch memory
};

/// The target that an instance of a space is.
template <class Space, class T>
Target target_of(const Space& instance, kernels::GemmBackend gemm) {
  return {!kIsHost<Space>, gemm, sizeof(T), worker_count(instance)};
}

/// Most inputs that a layer can have.
inline constexpr std::size_t kMostInputs = 2;

/// How the gradients of a layer's inputs relate to that of its output, which decides what memory
/// the network gives them.
enum class InputGradients {
  separate,  ///< each input has its own, which `backward` writes
  shared,    ///< those of all inputs are equal: `backward` writes one
  passed     ///< they are the output's gradient itself: `backward` writes none
};

/// What a layer holds views into; all memory belongs to the network.
template <class Space, class T>
struct LayerMemory {
  /// In the order of Layer::parameters; a gradient is empty where nothing trains.
  std::vector<Vector<Space, T>> parameters, gradients;
  Vector<Space, T> saved, workspace;       ///< `saved` is empty where nothing trains
  Vector<Space, const std::int64_t> step;  ///< [1], number of the step under way, from 0
  std::uint64_t seed = 0, stream = 0;      ///< the layer's own random numbers
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
};

/// Arguments of a forward pass.
template <class Space, class T>
struct ForwardPass {
  const Space& instance;
  const LayerMemory<Space, T>& memory;
  Mode mode;
  std::array<Matrix<Space, const T>, kMostInputs> inputs;  ///< [batch, input] each
  Matrix<Space, T> y;                                      ///< [batch, output], overwritten

  const Matrix<Space, const T>& x() const { return inputs[0]; }
  std::size_t batch() const { return y.extent(0); }
  /// Whether there is memory for what the backward pass needs: none where nothing trains.
  bool saves() const { return memory.saved.size() > 0; }
};

/// Arguments of a backward pass, which follows a forward pass in training mode.
template <class Space, class T>
struct BackwardPass {
  const Space& instance;
  const LayerMemory<Space, T>& memory;
  std::array<Matrix<Space, const T>, kMostInputs> inputs;  ///< as in the forward pass
  Matrix<Space, const T> y, dy;                            ///< [batch, output]
  /// Gradients of the inputs [batch, input], overwritten. One without memory is not wanted; where
  /// gradients are shared, those with memory are the same memory.
  std::array<Matrix<Space, T>, kMostInputs> input_gradients;

  const Matrix<Space, const T>& x() const { return inputs[0]; }
  const Matrix<Space, T>& dx() const { return input_gradients[0]; }
  std::size_t batch() const { return y.extent(0); }
};

/// What a deck says about a layer, and what reaches it.
struct Description {
  const config::OptionTable& options;
  std::string name;
  Shape input;                 ///< of one sample; all inputs of a layer have one shape
  std::size_t vocabulary = 0;  ///< number of a text's characters; 0 where the data is no text
};

/// A layer: what it is (shapes, parameters, memory, counts), which needs no Kokkos runtime, and
/// what it computes on every execution space and scalar. It holds no memory: passes bring it with
/// them. Layers derive from LayerOf (layers/layer_of.hpp) rather than from this.
class Layer {
 public:
  /// `output` is the shape of one sample's output.
  Layer(const Description& from, Shape output_shape);
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  const std::string kind;
  const std::string name;
  const Shape input;   ///< of one sample
  const Shape output;  ///< of one sample

  virtual std::size_t input_count() const = 0;
  virtual std::vector<Parameter> parameters() const { return {}; }
  /// Scalars kept from forward to backward beside input and output; training alone has them.
  virtual std::size_t saved(std::size_t /*batch*/) const { return 0; }
  /// Scalars of scratch memory inside one phase.
  virtual std::size_t workspace(const Target& /*target*/, std::size_t /*batch*/,
                                bool /*training*/) const {
    return 0;
  }
  virtual Work work(const CountedPass& pass) const = 0;
  Counts counts(const CountedPass& pass, std::size_t scalar_bytes) const {
    return counts_of(work(pass), scalar_bytes);
  }
  /// Whether output and first input are the same memory in another shape, and nothing is computed.
  /// `training` is that of the network: dropout is a view where nothing trains.
  virtual bool is_view(bool /*training*/) const { return false; }
  virtual InputGradients input_gradients() const {
    return is_view(true) ? InputGradients::passed : InputGradients::separate;
  }
  /// Tokens that the layer reads are below it; 0 for a layer that reads values.
  virtual std::size_t token_limit() const { return 0; }

  // All launches go to the pass's instance; nothing is allocated and nothing waits.
#define RIDGELINE_RUN(Space, T)                                  \
  virtual void run(const ForwardPass<Space, T>& pass) const = 0; \
  virtual void run(const BackwardPass<Space, T>& pass) const = 0;
  RIDGELINE_FOR_SPACES(RIDGELINE_RUN)
#undef RIDGELINE_RUN
};

/// How the studies take a kind of layer: of growing width, and of one width with growing batch.
struct StudyFamily {
  std::string keys;                     ///< of its table in a deck; WIDTH stands for the width
  Shape input;                          ///< of a sample; 0 stands for the width
  std::size_t first_width, last_width;  ///< with powers of two between
  std::size_t width;                    ///< where the batch grows
  std::size_t batch;                    ///< where the width grows
  std::size_t tokens = 0;               ///< that inputs are drawn from; 0: values
};

/// A kind of layer, as decks name it.
struct LayerKind {
  std::string name;
  /// With two, decks give it two lists of layers, `layer` and `shortcut`: its inputs are what both
  /// make of the same samples, and an empty shortcut passes them on.
  std::size_t input_count = 1;
  bool accepts_tokens = false;  ///< whether token numbers may reach it
  std::unique_ptr<Layer> (*read)(const Description& from) = nullptr;
  std::optional<StudyFamily> family;  ///< none: there is nothing to study
};

/// Returns the kinds of layer there are: those of layers/list.cpp, then those that were added.
const std::vector<LayerKind>& layer_kinds();

/// Adds a kind, such as kind_of<Gate>("gate"), before decks are read that name it. Throws
/// RequestError if there is one of that name, or if decks use the name otherwise.
void add_layer_kind(LayerKind kind);

/// Returns the kind with this name; null if there is none.
const LayerKind* find_layer_kind(const std::string& name);

/// The word for a list of layers under one name, which is no layer of its own.
inline constexpr const char* kSequence = "sequence";
/// Returns what a deck's `kind` may be: the names of the kinds, and kSequence.
std::vector<std::string> layer_kind_names();

/// Reads one layer's table, all keys of it. Throws RequestError with file, line and key for an
/// unknown kind or key and for shapes that do not fit.
std::unique_ptr<Layer> read_layer(const Description& from);

}  // namespace ridgeline::layers
