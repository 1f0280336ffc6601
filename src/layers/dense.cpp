#include <algorithm>

#include "kernels/elementwise/elementwise.hpp"
#include "layers/linear.hpp"

// clang-format off
// dense: Y = f(X Wᵀ + b) on the last dimension of the input.
//   forward   Z = X Wᵀ + b,  Y = f(Z)                X [N, in], W [out, in], b [out]
//   backward  dZ = dY ∘ f'(Z),  dX = dZ W,  dW = dZᵀ X,  db = Σ dZ over rows
// N rows are the batch times the leading dimensions. Bias and activation are fused into the
// product, and so is a cheap derivative, into both backward products. An expensive derivative
// (derivative_needs_input) is applied once, in a separate pass.
// clang-format on

namespace ridgeline::layers {
namespace {

using kernels::Activation;
using kernels::GemmArguments;
using kernels::GemmLabels;

// Returns the shape of the output. `units` may be "vocabulary" if the data is text: one output for
// each of its characters.
Shape dense_output(const Description& from) {
  Shape shape = from.input;
  const config::OptionTable& options = from.options;
  const bool all =
      options.is_string("units") && from.vocabulary > 0 && options.string("units") == "vocabulary";
  shape.back() =
      all ? from.vocabulary
          : std::size_t(options.integer(
                {"units",
                 "Number of outputs per position; \"vocabulary\" is that of a text's characters."},
                1, 1 << 24));
  return shape;
}

struct Dense : LayerOf<Dense> {
  explicit Dense(const Description& from)
      : LayerOf(from, dense_output(from)),
        bias(from.options.boolean({"bias", "Adds a trained bias to the outputs."}, true)),
        activation(read_activation(
            from.options, {"activation", "Function that is applied to the outputs."}, "identity")) {
  }

  static std::optional<StudyFamily> family() {
    return StudyFamily{"units = WIDTH", {0}, 8, 2048, 256, 64};
  }

  const std::size_t in = input.back(), out = output.back();
  const std::size_t positions = size_of(input) / in;  // rows per sample
  const bool bias;
  const Activation activation;
  const bool keeps_z = kernels::derivative_needs_input(activation);
  const GemmLabels forward_labels{name + "/forward"};
  const LinearLabels backward_labels{GemmLabels(name + "/backward/input"),
                                     GemmLabels(name + "/backward/weight")};
  const std::string derivative_label = name + "/backward/derivative";

  std::vector<Parameter> parameters() const override {
    std::vector<Parameter> list = {{"weight", {out, in}, Initial::weight, in, out}};
    if (bias) list.push_back({"bias", {out}, Initial::bias, in, out});
    return list;
  }

  std::size_t saved(std::size_t batch) const override {
    return keeps_z ? batch * positions * out : 0;
  }

  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override {
    const std::size_t rows = batch * positions;
    const std::size_t forward = linear_workspace(target, rows, in, out);
    if (!training) return forward;
    const bool factor = activation != Activation::identity && !keeps_z;
    Parts parts;
    if (keeps_z) parts.take(rows * out);  // dZ
    return std::max(forward,
                    parts.end() + linear_gradients_workspace(target, rows, in, out, factor, bias));
  }

  Work work(const CountedPass& pass) const override {
    const Formula N("N", double(pass.batch * positions)), n("in", double(in)),
        m("out", double(out));
    const Formula biases = bias ? 1 : 0;
    if (pass.phase == Phase::forward) {
      const Formula a("a", kernels::forward_flops(activation));
      return {2 * N * n * m, biases * N * m + a * N * m, N * n + n * m + biases * m + N * m, 0};
    }
    const Formula d("d", kernels::backward_flops(activation));
    const Formula both = pass.input_gradient ? 2 : 1;
    const Formula kept = activation == Activation::identity ? 0 : 1;
    return {2 * both.value() * N * n * m, biases * N * m + d * N * m,
            both * (N * n + n * m) + biases * m + N * m + kept * N * m, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const std::size_t rows = pass.batch() * positions;
    GemmArguments<Space, T> product = linear<Space, T>(
        as_matrix(pass.x(), rows, in), as_matrix(memory.parameters[0], out, in),
        bias ? memory.parameters[1] : Vector<Space, T>(), as_matrix(pass.y, rows, out));
    product.activation = activation;
    if (pass.saves()) product.pre_activation = as_matrix(memory.saved, rows, out);
    kernels::gemm(pass.instance, forward_labels, memory.gemm, product, memory.workspace);
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const std::size_t rows = pass.batch() * positions;
    GemmArguments<Space, T> product;
    Vector<Space, T> workspace = memory.workspace;
    product.a = as_matrix(pass.dy, rows, out);
    if (keeps_z) {
      Parts parts;
      const Vector<Space, T> dz = part_of(workspace, parts.take(rows * out), rows * out);
      kernels::multiply_by_derivative<Space, T>(pass.instance, derivative_label, activation,
                                                as_vector(memory.saved, dz.size()),
                                                as_vector(pass.dy), dz);
      product.a = as_matrix(dz, rows, out);
      workspace = part_of(workspace, parts.end());
    } else if (activation != Activation::identity) {
      product.kept = as_matrix(pass.y, rows, out);
      product.derivative = activation;
    }
    linear_gradients<Space, T>(
        pass.instance, backward_labels, memory.gemm, product, as_matrix(pass.x(), rows, in),
        as_matrix(memory.parameters[0], out, in), as_matrix(pass.dx(), rows, in),
        as_matrix(memory.gradients[0], out, in), bias ? memory.gradients[1] : Vector<Space, T>(),
        workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(dense, Dense)

}  // namespace ridgeline::layers
