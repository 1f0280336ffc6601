#include <algorithm>

#include "core/scalar.hpp"
#include "kernels/recurrence/cells.hpp"
#include "kernels/recurrence/recurrence.hpp"
#include "layers/linear.hpp"

// clang-format off
// lstm, gru: one layer of PyTorch's LSTM or GRU, from a state of zeros. Both consist of a product
// with all inputs, a loop over the steps of a cell (kernels/recurrence), and products for the
// gradients:
//   forward   P = X W_ihᵀ + b_ih,  Q = H W_hhᵀ + b_hh with H the hidden values before each step
//     lstm    i, f, o = σ(p + q),  g = tanh(p + q),  c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)
//     gru     r, z = σ(p + q),  n = tanh(p_n + r q_n),  h_t = (1 - z) n + z h_{t-1}
//   backward  the loop computes dP and dQ (the same for an lstm);  dX = dP W_ih,  dW_ih = dPᵀ X,
//             dW_hh = dQᵀ H,  db_ih, db_hh = sums of dP, dQ over rows
// rows N = batch · length, W_ih [gates · units, features], W_hh [gates · units, units].
// clang-format on

namespace ridgeline::layers {
namespace {

using kernels::GemmArguments;
using kernels::GemmLabels;
using kernels::RecurrenceLabels;

// Memory of the loop over steps.
template <class T>
struct StepMemory {
  T* gates;   // [N, gates · units]: P, and after backward dP
  T* before;  // [N, units]: H, stored in training
  T* kept;    // [N, units]: other values that the cell stores in training
  T* dq;      // [N, gates · units]: dQ, the memory of dP where they are the same
};

struct Lstm {
  using Kind = kernels::Lstm;
  static constexpr bool kSeparate = false;  // dQ is dP

  // Per unit and step, outside products. Forward two biases per gate (8), three sigmoids (12) and a
  // tanh, c (3), h (2). Backward dc (5, tanh(c) is not counted again), the gates' gradients (4
  // each), dc' (1), their sums (4), and with a gradient at every step the sum dy + dh' (1).
  static double other_flops(Phase phase, bool sequence) {
    return phase == Phase::forward || !sequence ? 26 : 27;
  }
};

struct Gru {
  using Kind = kernels::Gru;
  static constexpr bool kSeparate = true;

  // Forward two biases and a sigmoid of r and z (12), two biases, product, sum and tanh of n (5),
  // h (3). Backward dh (1 - z) (2), dn' (3), dz (4, 1 - z is known), dr (4), dq_n (1), dh z (1),
  // the sums of dp and dq (4), and with a gradient at every step the sum dy + dh' (1).
  static double other_flops(Phase phase, bool sequence) {
    return phase == Phase::forward || sequence ? 20 : 19;
  }
};

// Reads the keys. With `return_sequence` the output has every step's hidden values, else the last
// ones.
Shape hidden_values(const Description& from) {
  const auto units = static_cast<std::size_t>(
      from.options.integer({"units", "Number of hidden values."}, 1, 1 << 14));
  require_dimensions(from, 2, "a sequence [length, features]");
  const bool sequence = from.options.boolean(
      {"return_sequence", "Outputs the hidden values of every step, not only of the last one."},
      false);
  return sequence ? Shape{from.input[0], units} : Shape{units};
}

template <class Cell>
struct Recurrent : LayerOf<Recurrent<Cell>> {
  using Base = LayerOf<Recurrent<Cell>>;
  using Base::input, Base::output, Base::name;

  explicit Recurrent(const Description& from) : Base(from, hidden_values(from)) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"units = WIDTH\nreturn_sequence = true", {32, 0}, 8, 256, 64, 8};
  }

  const std::size_t length = input[0], features = input[1], units = output.back();
  const bool sequence = output.size() == 2;
  static constexpr std::size_t kGates = Cell::Kind::kGates;
  const std::size_t columns = kGates * units;
  const RecurrenceLabels forward_labels{name + "/forward"}, backward_labels{name + "/backward"};
  const GemmLabels input_labels{name + "/forward/input"}, weight_hh{name + "/backward/weight_hh"};
  const LinearLabels gradient_labels{GemmLabels(name + "/backward/input"),
                                     GemmLabels(name + "/backward/weight_ih")};

  std::vector<Parameter> parameters() const override {
    std::vector<Parameter> list = {
        {"weight_ih_l0", {columns, features}, Initial::weight, features, columns},
        {"weight_hh_l0", {columns, units}, Initial::weight, units, columns},
        {"bias_ih_l0", {columns}, Initial::bias, features, columns},
        {"bias_hh_l0", {columns}, Initial::bias, units, columns}};
    for (Parameter& parameter : list) parameter.default_fan = units;
    return list;
  }

  // Saved memory: gates, H, and the cell's other values.
  struct Saved {
    Parts parts;
    std::size_t gates, before, kept;
    explicit Saved(const Recurrent& layer, std::size_t rows)
        : gates(parts.take(rows * layer.columns)),
          before(parts.take(rows * layer.units)),
          kept(parts.take(rows * layer.units)) {}
  };
  std::size_t saved(std::size_t batch) const override {
    return Saved(*this, batch * length).parts.end();
  }

  // Returns the size of the beginning of the workspace: the gates if nothing is saved, dQ if it is
  // not dP.
  std::size_t head(std::size_t rows, bool needed) const {
    Parts parts;
    if (needed) parts.take(rows * columns);
    return parts.end();
  }

  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override {
    const std::size_t rows = batch * length;
    const auto [forward_steps, backward_steps] = with_scalar(target.scalar_bytes, [&](auto zero) {
      using T = decltype(zero);
      using Forward = kernels::ForwardCell<typename Cell::Kind, T, true>;
      using Backward = kernels::BackwardCell<typename Cell::Kind, T>;
      return std::pair(kernels::recurrence_workspace<Forward>(target.on_device, batch, units),
                       kernels::recurrence_workspace<Backward>(target.on_device, batch, units));
    });
    const std::size_t forward =
        std::max(forward_steps, linear_workspace(target, rows, features, columns));
    if (!training) return head(rows, true) + forward;
    const std::size_t backward =
        std::max({backward_steps, linear_gradients_workspace(target, rows, features, columns),
                  product_workspace(target, {columns, units, rows, true, false, false, true})});
    return std::max(forward, head(rows, Cell::kSeparate) + backward);
  }

  Work work(const CountedPass& pass) const override {
    const Formula N("N", double(pass.batch * length)), i("in", double(features)),
        u("u", double(units)), g("g", double(kGates));
    const Formula outputs("n'", double(pass.batch * size_of(output)));
    const Formula weights = g * u * (i + u + 2);
    const Formula other = Cell::other_flops(pass.phase, sequence) * N * u;
    if (pass.phase == Phase::forward) {
      return {2 * N * g * u * i + 2 * N * g * u * u, other, N * i + weights + outputs, 0};
    }
    const bool all = pass.input_gradient;
    const Formula scalars = 2 * N * i + 2 * weights + outputs;
    return {(all ? 4 : 2) * N * g * u * i + 4 * N * g * u * u, other,
            all ? scalars : scalars - (N * i + g * u * i), 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const std::size_t rows = pass.batch() * length;
    const StepMemory<T> steps = step_memory(memory, rows);
    const Vector<Space, T> workspace =
        part_of(memory.workspace, head(rows, steps.gates == memory.workspace.data()));
    kernels::gemm(
        pass.instance, input_labels, memory.gemm,
        linear<Space, T>(as_matrix(pass.x(), rows, features),
                         as_matrix(memory.parameters[0], columns, features), memory.parameters[2],
                         matrix_at<Space, T>(steps.gates, rows, columns)),
        workspace);
    if (pass.mode == Mode::training) {
      run_steps<true>(pass, steps, workspace);
    } else {
      run_steps<false>(pass, steps, workspace);
    }
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const std::size_t rows = pass.batch() * length;
    const StepMemory<T> steps = step_memory(memory, rows);
    const Vector<Space, T> workspace = part_of(memory.workspace, head(rows, Cell::kSeparate));
    const kernels::BackwardCell<typename Cell::Kind, T> cell{
        int(length),  int(units), sequence,       steps.gates,
        steps.before, steps.kept, pass.dy.data(), steps.dq};
    kernels::recurrence(pass.instance, backward_labels, pass.batch(), cell,
                        Vector<Space, const T>(memory.parameters[1]), workspace);
    GemmArguments<Space, T> product;
    product.a = matrix_at<Space, const T>(steps.gates, rows, columns);  // dP
    linear_gradients<Space, T>(
        pass.instance, gradient_labels, memory.gemm, product, as_matrix(pass.x(), rows, features),
        as_matrix(memory.parameters[0], columns, features), as_matrix(pass.dx(), rows, features),
        as_matrix(memory.gradients[0], columns, features), memory.gradients[2], workspace);
    product.transpose_a = true;
    product.a = matrix_at<Space, const T>(steps.dq, rows, columns);
    product.same_a = !Cell::kSeparate;
    product.b = matrix_at<Space, const T>(steps.before, rows, units);
    product.c = as_matrix(memory.gradients[1], columns, units);
    product.row_sums = memory.gradients[3];
    kernels::gemm(pass.instance, weight_hh, memory.gemm, product, workspace);
  }

 private:
  template <class Space, class T>
  StepMemory<T> step_memory(const LayerMemory<Space, T>& memory, std::size_t rows) const {
    if (memory.saved.size() == 0) return {memory.workspace.data(), nullptr, nullptr, nullptr};
    const Saved at(*this, rows);
    T* const saved = memory.saved.data();
    T* const gates = saved + at.gates;
    return {gates, saved + at.before, saved + at.kept,
            Cell::kSeparate ? memory.workspace.data() : gates};
  }

  template <bool Training, class Space, class T>
  void run_steps(const ForwardPass<Space, T>& pass, const StepMemory<T>& steps,
                 const Vector<Space, T>& workspace) const {
    const kernels::ForwardCell<typename Cell::Kind, T, Training> cell{
        int(length),  int(units), sequence,     steps.gates, pass.memory.parameters[3].data(),
        steps.before, steps.kept, pass.y.data()};
    kernels::recurrence(pass.instance, forward_labels, pass.batch(), cell,
                        Vector<Space, const T>(pass.memory.parameters[1]), workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(lstm, Recurrent<Lstm>)
RIDGELINE_LAYER(gru, Recurrent<Gru>)

}  // namespace ridgeline::layers
