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
#include "kernels/normalization/batch_norm.hpp"
#include "layers/formula.hpp"

namespace ridgeline::layers {

/// The phases of a step, as records and labels name them.
enum class Phase { forward, backward, update };
std::string to_string(Phase phase);

/// Work of one phase by the conventions of docs/layers.md: a multiply-add is 2 FLOPs, bytes are
/// compulsory traffic.
struct Counts {
  double flops = 0;         ///< total
  double matrix_flops = 0;  ///< of these, those in matrix products
  double bytes = 0;
  double working_set_bytes = 0;  ///< distinct bytes touched

  /// Adds work that follows: the working set is the maximum of both.
  Counts& operator+=(const Counts& other) {
    flops += other.flops;
    matrix_flops += other.matrix_flops;
    bytes += other.bytes;
    if (other.working_set_bytes > working_set_bytes) working_set_bytes = other.working_set_bytes;
    return *this;
  }
};

/// The pass of a layer that is counted.
struct CountedPass {
  Phase phase = Phase::forward;
  std::size_t batch = 1;
  bool input_gradient = true;  ///< false for a first layer, whose input needs no gradient
  bool training = true;        ///< of the network; without it, `forward` may do less
};

/// Work of one pass of a layer, as formulas. Every scalar counted is accessed once, so the working
/// set is equal to the bytes moved.
struct Work {
  Formula matrix_flops;  ///< in matrix products
  Formula other_flops;
  Formula scalars;      ///< moved: of the network's precision
  Formula token_bytes;  ///< moved: of token numbers, whatever type stores them
};
/// Returns the values of the formulas for scalars of this size.
Counts counts_of(const Work& work, std::size_t scalar_bytes);

/// Whether a forward pass is part of a training step. If so, batch_norm uses the batch's
/// statistics, and dropout is active.
enum class Mode { training, inference };

/// Initial values of a parameter. For weights, `[network] initialization` selects the distribution:
/// by default, uniform within 1 / sqrt(default_fan).
enum class Initial {
  weight,
  projection,  ///< a weight whose default is xavier_uniform
  bias,        ///< by default as a weight, else zeros
  normal,      ///< standard normal for every `initialization`: embeddings
  zeros,
  ones
};

/// One parameter of a layer, with PyTorch's name, shape and order.
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
  bool trained = true;  ///< false for statistics that the forward pass updates
};

/// The properties of a target that determine a layer's memory, besides its shape.
struct Target {
  bool on_device = false;
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
  std::size_t scalar_bytes = 4;
  int workers = 1;  ///< worker_count of a host instance: each worker has its scratch memory
};

/// Returns the target that an instance of a space represents.
template <class Space, class T>
Target target_of(const Space& instance, kernels::GemmBackend gemm) {
  return {!kIsHost<Space>, gemm, sizeof(T), worker_count(instance)};
}

/// Maximum number of inputs of a layer.
inline constexpr std::size_t kMostInputs = 2;

/// How the gradients of a layer's inputs depend on that of its output, which determines the memory
/// that the network provides for them.
enum class InputGradients {
  separate,  ///< each input has a gradient of its own, which `backward` writes
  shared,    ///< the gradients of all inputs are equal: `backward` writes one
  passed     ///< they are equal to the output's gradient: `backward` writes none
};

/// The memory that a pass uses, as views; the network owns all memory.
template <class Space, class T>
struct LayerMemory {
  /// In the order of Layer::parameters; a gradient is empty if nothing is trained.
  std::vector<Vector<Space, T>> parameters, gradients;
  Vector<Space, T> saved, workspace;       ///< `saved` is empty if nothing is trained
  Vector<Space, const std::int64_t> step;  ///< [1], number of the current step, from 0
  std::uint64_t seed = 0, stream = 0;      ///< of the layer's random numbers
  kernels::GemmBackend gemm = kernels::GemmBackend::native;
};

/// The place of a pass's samples in their batch, of which other processes may have a part.
template <class Space, class T>
struct BatchPart {
  const kernels::OtherSamples<Space, T>* others = nullptr;  ///< null: the whole batch is here
  std::size_t global_offset = 0;  ///< samples of the batch before the pass's, on other processes
  std::size_t global_count = 0;   ///< samples of the batch, with others
};

/// Arguments of a forward pass.
template <class Space, class T>
struct ForwardPass {
  const Space& instance;
  const LayerMemory<Space, T>& memory;
  Mode mode;
  std::array<Matrix<Space, const T>, kMostInputs> inputs;  ///< [batch, input] each
  Matrix<Space, T> y;                                      ///< [batch, output], overwritten
  BatchPart<Space, T> part = {};

  const Matrix<Space, const T>& x() const { return inputs[0]; }
  std::size_t batch() const { return y.extent(0); }
  /// Returns whether there is saved memory for the backward pass: there is none if nothing is
  /// trained.
  bool saves() const { return memory.saved.size() > 0; }
};

/// Arguments of a backward pass, which follows a forward pass in training mode.
template <class Space, class T>
struct BackwardPass {
  const Space& instance;
  const LayerMemory<Space, T>& memory;
  std::array<Matrix<Space, const T>, kMostInputs> inputs;  ///< as in the forward pass
  Matrix<Space, const T> y, dy;                            ///< [batch, output]
  /// Gradients of the inputs [batch, input], overwritten. One without memory is not computed; if
  /// gradients are shared, those with memory have the same memory.
  std::array<Matrix<Space, T>, kMostInputs> input_gradients;
  BatchPart<Space, T> part = {};

  const Matrix<Space, const T>& x() const { return inputs[0]; }
  const Matrix<Space, T>& dx() const { return input_gradients[0]; }
  std::size_t batch() const { return y.extent(0); }
};

/// A layer's table in the deck, and the shape of its input.
struct Description {
  const config::OptionTable& options;
  std::string name;
  Shape input;                 ///< of one sample; all inputs of a layer have one shape
  std::size_t vocabulary = 0;  ///< number of a text's characters; 0 if the data is not text
};

/// A layer: its shapes, parameters, memory and counts, which need no Kokkos runtime, and its
/// computation on every execution space and scalar. It holds no memory: each pass contains views of
/// it. Layers derive from LayerOf (layers/layer_of.hpp) rather than from this class.
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
  /// Returns the scalars stored from forward to backward, besides input and output; only in
  /// training.
  virtual std::size_t saved(std::size_t /*batch*/) const { return 0; }
  /// Returns the scalars of scratch memory within one phase.
  virtual std::size_t workspace(const Target& /*target*/, std::size_t /*batch*/,
                                bool /*training*/) const {
    return 0;
  }
  virtual Work work(const CountedPass& pass) const = 0;
  Counts counts(const CountedPass& pass, std::size_t scalar_bytes) const {
    return counts_of(work(pass), scalar_bytes);
  }
  /// Returns whether the layer is a view: output and first input are the same memory in different
  /// shapes, and nothing is computed. `training` is that of the network: without training, dropout
  /// is a view.
  virtual bool is_view(bool /*training*/) const { return false; }
  virtual InputGradients input_gradients() const {
    return is_view(true) ? InputGradients::passed : InputGradients::separate;
  }
  /// Returns whether a step computes with values of the whole batch, as batch_norm's statistics
  /// are: then every rank runs the layer, even one without samples of the batch.
  virtual bool uses_whole_batch() const { return false; }
  /// Returns the exclusive upper bound of the tokens that the layer reads; 0 for a layer of values.
  virtual std::size_t token_limit() const { return 0; }

  // All launches use the pass's instance; nothing is allocated and nothing synchronises.
#define RIDGELINE_RUN(Space, T)                                  \
  virtual void run(const ForwardPass<Space, T>& pass) const = 0; \
  virtual void run(const BackwardPass<Space, T>& pass) const = 0;
  RIDGELINE_FOR_SPACES(RIDGELINE_RUN)
#undef RIDGELINE_RUN
};

/// The sizes at which the studies measure a kind of layer: widths at one batch, and batches at one
/// width.
struct StudyFamily {
  std::string keys;                     ///< of its table in a deck; WIDTH is replaced by the width
  Shape input;                          ///< of a sample; 0 is replaced by the width
  std::size_t first_width, last_width;  ///< with powers of two between
  std::size_t width;                    ///< for varying batch
  std::size_t batch;                    ///< for varying width
  std::size_t tokens = 0;               ///< number of tokens that inputs are drawn from; 0: values
};

/// A kind of layer, by the name that decks use.
struct LayerKind {
  std::string name;
  /// With two inputs, decks give the layer two lists, `layer` and `shortcut`. The inputs are the
  /// outputs of both lists for the same samples; an empty shortcut passes the samples on unchanged.
  std::size_t input_count = 1;
  bool accepts_tokens = false;  ///< whether its input may be token numbers
  std::unique_ptr<Layer> (*read)(const Description& from) = nullptr;
  std::optional<StudyFamily> family;  ///< none: the studies do not measure it
};

/// Returns the kinds of layer: those of layers/list.cpp, then those that were added.
const std::vector<LayerKind>& layer_kinds();

/// Adds a kind, such as kind_of<Gate>("gate"); must be called before decks that use it are read.
/// Throws RequestError if the name is the name of a kind, if decks use it otherwise, and if it has
/// other characters than lower-case letters, digits and `_`.
void add_layer_kind(LayerKind kind);

/// Returns the kind with this name; null if there is none.
const LayerKind* find_layer_kind(const std::string& name);

/// The `kind` of a list of layers with a name, which is not a layer itself.
inline constexpr const char* kSequence = "sequence";
/// Returns the values that a deck's `kind` may have: the names of the kinds, and kSequence.
std::vector<std::string> layer_kind_names();

/// Reads one layer's table with all its keys. Throws RequestError with file, line and key for an
/// unknown kind or key and for shapes that do not match.
std::unique_ptr<Layer> read_layer(const Description& from);

}  // namespace ridgeline::layers
