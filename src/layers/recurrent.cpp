#include "layers/recurrent.hpp"

#include <algorithm>

namespace ridgeline::layers {

using kernels::GemmArguments;
using kernels::GemmShape;

RecurrentPlan::Options::Options(const config::OptionTable& options, const Shape& input)
    : units(static_cast<std::size_t>(options.integer("units", 1, 1 << 14))),
      sequence(options.boolean("return_sequence", false)) {
  if (input.size() != 2) {
    options.fail("kind", options.string("kind") + " needs a sequence, [length, features], not " +
                             ridgeline::to_string(input));
  }
}

RecurrentPlan::RecurrentPlan(const std::string& layer_kind, std::string layer_name,
                             const Shape& input_shape, const Options& options,
                             std::size_t gate_count, bool separate_gradients)
    : LayerPlan(layer_kind, std::move(layer_name), input_shape,
                options.sequence ? Shape{input_shape[0], options.units} : Shape{options.units}),
      length(input_shape[0]),
      features(input_shape[1]),
      units(options.units),
      sequence(options.sequence),
      gates(gate_count),
      separate(separate_gradients) {}

std::vector<ParameterPlan> RecurrentPlan::parameters() const {
  const std::size_t rows = gates * units;
  std::vector<ParameterPlan> list = {
      {"weight_ih_l0", {rows, features}, Initial::weight, features, rows},
      {"weight_hh_l0", {rows, units}, Initial::weight, units, rows},
      {"bias_ih_l0", {rows}, Initial::bias, features, rows},
      {"bias_hh_l0", {rows}, Initial::bias, units, rows}};
  for (ParameterPlan& parameter : list) parameter.default_fan = units;
  return list;
}

namespace {

// Scalars of gates and of the two arrays behind them; each begins at an alignment, whatever the
// scalar.
std::size_t aligned(std::size_t scalars) { return aligned_size<float>(scalars); }

}  // namespace

std::size_t RecurrentPlan::saved(std::size_t batch) const {
  const std::size_t rows = batch * length;
  return aligned(rows * gates * units) + aligned(rows * units) + rows * units;
}

std::size_t RecurrentPlan::workspace(const Target& target, std::size_t batch, bool training) const {
  const std::size_t rows = batch * length, columns = gates * units;
  const auto product = [&](const GemmShape& shape) {
    return target.scalar_bytes == sizeof(float)
               ? kernels::gemm_workspace<float>(target.on_device, target.gemm, shape)
               : kernels::gemm_workspace<double>(target.on_device, target.gemm, shape);
  };
  const std::size_t forward = std::max(steps_workspace(target, batch, Phase::forward),
                                       product({rows, columns, features, false, true}));
  if (!training) return aligned(rows * columns) + forward;
  const std::size_t backward =
      std::max({steps_workspace(target, batch, Phase::backward), product({rows, features, columns}),
                product({columns, features, rows, true, false, false, true}),
                product({columns, units, rows, true, false, false, true})});
  return std::max(forward, (separate ? aligned(rows * columns) : 0) + backward);
}

Counts RecurrentPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                             bool input_gradient) const {
  const double rows = double(batch) * length, columns = double(gates) * units;
  const double inputs = rows * features, outputs = double(batch) * size_of(output);
  const double weights = columns * (features + units + 2);
  const double input_product = 2 * rows * columns * features;
  const double state_product = 2 * rows * columns * units;
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.matrix_flops = input_product + state_product;
    scalars = inputs + weights + outputs;
  } else {
    counts.matrix_flops = (input_gradient ? 2 : 1) * input_product + 2 * state_product;
    scalars = 2 * inputs + 2 * weights + outputs -
              (input_gradient ? 0 : inputs + columns * double(features));
  }
  counts.flops = counts.matrix_flops + other_flops(phase) * rows * units;
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Recurrent<Space, T>::Recurrent(const RecurrentPlan& plan, const Target& target)
    : length_(plan.length),
      features_(plan.features),
      units_(plan.units),
      sequence_(plan.sequence),
      gates_(plan.gates),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward"),
      separate_(plan.separate),
      gemm_(target.gemm),
      input_(plan.name + "/forward/input"),
      input_gradient_(plan.name + "/backward/input"),
      weight_ih_(plan.name + "/backward/weight_ih"),
      weight_hh_(plan.name + "/backward/weight_hh") {}

template <class Space, class T>
RecurrentMemory<T> Recurrent<Space, T>::memory_of(std::size_t batch) const {
  const std::size_t rows = batch * length_;
  RecurrentMemory<T> memory{};
  memory.batch = batch;
  if (memory_.saved.size() > 0) {
    memory.gates = memory_.saved.data();
    memory.before = memory.gates + aligned(rows * gates_ * units_);
    memory.kept = memory.before + aligned(rows * units_);
    memory.dq = separate_ ? memory_.workspace.data() : memory.gates;
  } else {
    memory.gates = memory_.workspace.data();
  }
  return memory;
}

namespace {

// The workspace behind what lies at its head, if it is `head` that does.
template <class Workspace, class T>
Workspace behind(const Workspace& workspace, const T* head, std::size_t size) {
  const std::size_t used = head == workspace.data() ? aligned(size) : 0;
  return Workspace(workspace.data() + used, workspace.size() - used);
}

}  // namespace

template <class Space, class T>
void Recurrent<Space, T>::forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
                                  const Matrix<Space, T>& y) {
  const std::size_t batch = x.extent(0), rows = batch * length_, columns = gates_ * units_;
  const RecurrentMemory<T> memory = memory_of(batch);
  const Vector<Space, T> workspace = behind(memory_.workspace, memory.gates, rows * columns);
  GemmArguments<Space, T> product;
  product.a = Matrix<Space, const T>(x.data(), rows, features_);
  product.b = Matrix<Space, const T>(memory_.parameters[0].data(), columns, features_);
  product.c = Matrix<Space, T>(memory.gates, rows, columns);
  product.transpose_b = true;
  product.bias = memory_.parameters[2];
  kernels::gemm(instance, input_, gemm_, product, workspace);
  forward_steps(instance, mode, memory, y.data(), workspace);
}

template <class Space, class T>
void Recurrent<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                   const Matrix<Space, const T>& /*y*/,
                                   const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  const std::size_t batch = x.extent(0), rows = batch * length_, columns = gates_ * units_;
  const RecurrentMemory<T> memory = memory_of(batch);
  const Vector<Space, T> workspace = behind(memory_.workspace, memory.dq, rows * columns);
  backward_steps(instance, memory, dy.data(), workspace);
  const Matrix<Space, const T> dp(memory.gates, rows, columns);
  if (dx.data()) {
    GemmArguments<Space, T> product;
    product.a = dp;
    product.b = Matrix<Space, const T>(memory_.parameters[0].data(), columns, features_);
    product.c = Matrix<Space, T>(dx.data(), rows, features_);
    kernels::gemm(instance, input_gradient_, gemm_, product, workspace);
  }
  GemmArguments<Space, T> product;
  product.transpose_a = true;
  product.a = dp;
  product.b = Matrix<Space, const T>(x.data(), rows, features_);
  product.c = Matrix<Space, T>(memory_.gradients[0].data(), columns, features_);
  product.row_sums = memory_.gradients[2];
  kernels::gemm(instance, weight_ih_, gemm_, product, workspace);
  product.a = Matrix<Space, const T>(memory.dq, rows, columns);
  product.same_a = !separate_;
  product.b = Matrix<Space, const T>(memory.before, rows, units_);
  product.c = Matrix<Space, T>(memory_.gradients[1].data(), columns, units_);
  product.row_sums = memory_.gradients[3];
  kernels::gemm(instance, weight_hh_, gemm_, product, workspace);
}

#define RIDGELINE_RECURRENT(Space, T) template class Recurrent<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_RECURRENT)

}  // namespace ridgeline::layers
