#include "kernels/attention/attention.hpp"

#include <algorithm>

#include "core/scalar.hpp"
#include "layers/linear.hpp"

// clang-format off
// attention: multi-head self-attention, PyTorch's MultiheadAttention with batch_first and without
// dropout, on X [length, width]; a head has width / heads features.
//   forward   [Q K V] = X W_inᵀ + b_in,  P = softmax(Q Kᵀ / √features),  O = P V (for every head),
//             Y = O W_outᵀ + b_out
//   backward  dO = dY W_out,  dW_out = dYᵀ O,  db_out = Σ dY
//             dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)),  dQ = dS K / √features,
//             dK = dSᵀ Q / √features
//             dX = [dQ dK dV] W_in,  dW_in = [dQ dK dV]ᵀ X,  db_in = Σ [dQ dK dV]
// P is never stored in memory: each pass has one fused kernel between the projections.
// clang-format on

namespace ridgeline::layers {
namespace {

using kernels::AttentionLabels;
using kernels::AttentionShape;
using kernels::GemmArguments;
using kernels::GemmLabels;

// Results of forward that backward uses: in saved memory in training, otherwise in workspace.
struct Activations {
  std::size_t qkv, output, log_sum, size;

  Activations(const AttentionShape& shape, bool training) {
    Parts parts;
    qkv = parts.take(shape.rows() * 3 * shape.width());
    output = parts.take(shape.rows() * shape.width());
    log_sum = parts.take(training ? shape.rows() * shape.heads : 0);
    size = parts.end();
  }
};

// Workspace: tensors passed between the kernels of a phase, followed by the kernels' own.
struct Between {
  std::size_t activations, output_gradient, qkv_gradient, kernel;

  Between(const AttentionShape& shape, bool training) {
    Parts parts;
    activations = parts.take(training ? 0 : Activations(shape, false).size);
    output_gradient = parts.take(training ? shape.rows() * shape.width() : 0);
    qkv_gradient = parts.take(training ? shape.rows() * 3 * shape.width() : 0);
    kernel = parts.end();
  }
};

std::size_t read_heads(const Description& from) {
  const config::OptionTable& options = from.options;
  require_dimensions(from, 2, "a sequence [length, features]");
  const auto heads = static_cast<std::size_t>(options.integer(
      {"heads", "Number of heads, which divides the number of features."}, 1, 1 << 24));
  if (from.input[1] % heads != 0) {
    options.fail("heads", options.path("heads") + " must divide the " +
                              std::to_string(from.input[1]) + " features of the input, and " +
                              std::to_string(heads) + " does not");
  }
  return heads;
}

struct Attention : LayerOf<Attention> {
  explicit Attention(const Description& from)
      : LayerOf(from, from.input),
        heads(read_heads(from)),
        causal(from.options.boolean(
            {"causal", "Restricts a position to itself and the positions before it."}, false)) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"heads = 4\ncausal = true", {64, 0}, 8, 512, 128, 4};
  }

  const std::size_t heads;
  const bool causal;
  const std::size_t length = input[0], width = input[1];
  const AttentionLabels forward_labels{name + "/forward"}, backward_labels{name + "/backward"};
  const GemmLabels in_forward{name + "/forward/in_proj"}, out_forward{name + "/forward/out_proj"};
  const LinearLabels out_gradients{GemmLabels(name + "/backward/out_proj/input"),
                                   GemmLabels(name + "/backward/out_proj/weight")},
      in_gradients{GemmLabels(name + "/backward/in_proj/input"),
                   GemmLabels(name + "/backward/in_proj/weight")};

  AttentionShape of_batch(std::size_t batch) const {
    return {batch, length, heads, width / heads, causal};
  }

  std::vector<Parameter> parameters() const override {
    return {{"in_proj_weight", {3 * width, width}, Initial::projection, width, 3 * width},
            {"in_proj_bias", {3 * width}, Initial::zeros},
            {"out_proj.weight", {width, width}, Initial::weight, width, width},
            {"out_proj.bias", {width}, Initial::zeros}};
  }

  std::size_t saved(std::size_t batch) const override {
    return Activations(of_batch(batch), true).size;
  }

  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override {
    const AttentionShape shape = of_batch(batch);
    const std::size_t rows = shape.rows();
    std::size_t most = with_scalar(target.scalar_bytes, [&](auto zero) {
      return kernels::attention_workspace<decltype(zero)>(target.on_device, target.workers, shape,
                                                          training);
    });
    for (const std::size_t outputs : {3 * width, width}) {
      most = std::max(most, linear_workspace(target, rows, width, outputs));
      if (!training) continue;
      most = std::max(most, linear_gradients_workspace(target, rows, width, outputs));
    }
    return Between(shape, training).kernel + most;
  }

  Work work(const CountedPass& pass) const override {
    const Formula N("N", double(pass.batch * length)), d("d", double(width)), h("h", double(heads));
    // Scores of a head that are not masked: all, or the diagonal and what is below it.
    const double scores =
        causal ? double(length) * double(length + 1) / 2 : double(length) * double(length);
    const Formula S("S", double(pass.batch) * scores);
    if (pass.phase == Phase::forward) {
      return {8 * N * d * d + 4 * S * d, 4 * N * d + 6 * S * h, 2 * N * d + 4 * d * d + 4 * d, 0};
    }
    const bool all = pass.input_gradient;
    return {(all ? 16 : 10) * N * d * d + 8 * S * d, 6 * N * d + 3 * S * h,
            (all ? 3 : 2) * N * d + (all ? 8 : 5) * d * d + 8 * d, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const AttentionShape shape = of_batch(pass.batch());
    const std::size_t rows = shape.rows();
    const bool training = pass.saves();
    const Between between(shape, training);
    const Activations at(shape, training);
    const Vector<Space, T> kept =
        training ? memory.saved : part_of(memory.workspace, between.activations);
    const Vector<Space, T> workspace = part_of(memory.workspace, between.kernel);

    const Matrix<Space, T> qkv = as_matrix(part_of(kept, at.qkv), rows, 3 * width);
    kernels::gemm(pass.instance, in_forward, memory.gemm,
                  linear<Space, T>(as_matrix(pass.x(), rows, width),
                                   as_matrix(memory.parameters[0], 3 * width, width),
                                   memory.parameters[1], qkv),
                  workspace);
    const Matrix<Space, T> output = as_matrix(part_of(kept, at.output), rows, width);
    kernels::attention<Space, T>(pass.instance, forward_labels, shape, qkv, output,
                                 part_of(kept, at.log_sum, training ? rows * heads : 0), workspace);
    kernels::gemm(pass.instance, out_forward, memory.gemm,
                  linear<Space, T>(output, as_matrix(memory.parameters[2], width, width),
                                   memory.parameters[3], as_matrix(pass.y, rows, width)),
                  workspace);
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const AttentionShape shape = of_batch(pass.batch());
    const std::size_t rows = shape.rows();
    const Between between(shape, true);
    const Activations at(shape, true);
    const Vector<Space, T> workspace = part_of(memory.workspace, between.kernel);
    const auto kept = [&](std::size_t begin, std::size_t columns) {
      return as_matrix(part_of(memory.saved, begin), rows, columns);
    };
    const auto scratch = [&](std::size_t begin, std::size_t columns) {
      return as_matrix(part_of(memory.workspace, begin), rows, columns);
    };
    const Matrix<Space, T> output_gradient = scratch(between.output_gradient, width);
    const Matrix<Space, T> qkv_gradient = scratch(between.qkv_gradient, 3 * width);

    GemmArguments<Space, T> out;
    out.a = as_matrix(pass.dy, rows, width);
    linear_gradients<Space, T>(
        pass.instance, out_gradients, memory.gemm, out, kept(at.output, width),
        as_matrix(memory.parameters[2], width, width), output_gradient,
        as_matrix(memory.gradients[2], width, width), memory.gradients[3], workspace);
    kernels::attention_gradient<Space, T>(
        pass.instance, backward_labels, shape, kept(at.qkv, 3 * width), kept(at.output, width),
        part_of(memory.saved, at.log_sum, rows * heads), output_gradient, qkv_gradient, workspace);

    GemmArguments<Space, T> in;
    in.a = qkv_gradient;
    linear_gradients<Space, T>(
        pass.instance, in_gradients, memory.gemm, in, as_matrix(pass.x(), rows, width),
        as_matrix(memory.parameters[0], 3 * width, width), as_matrix(pass.dx(), rows, width),
        as_matrix(memory.gradients[0], 3 * width, width), memory.gradients[1], workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(attention, Attention)

}  // namespace ridgeline::layers
