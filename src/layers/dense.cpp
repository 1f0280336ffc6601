#include "layers/dense.hpp"

#include <algorithm>

#include "kernels/elementwise/elementwise.hpp"

namespace ridgeline::layers {

using kernels::Activation;
using kernels::GemmArguments;
using kernels::GemmShape;

DensePlan::DensePlan(std::string layer_name, const Shape& input_shape, std::size_t units,
                     bool with_bias, Activation f)
    : LayerPlan("dense", std::move(layer_name), input_shape,
                [&] {
                  Shape shape = input_shape;
                  shape.back() = units;
                  return shape;
                }()),
      in(input_shape.back()),
      out(units),
      positions(size_of(input_shape) / input_shape.back()),
      bias(with_bias),
      activation(f) {}

std::unique_ptr<LayerPlan> DensePlan::read(const config::OptionTable& options,
                                           const std::string& layer_name, const Shape& input_shape,
                                           std::size_t vocabulary) {
  const std::int64_t units =
      options.is_string("units") && vocabulary > 0 && options.string("units") == "vocabulary"
          ? static_cast<std::int64_t>(vocabulary)
          : options.integer("units", 1, 1 << 24);
  const bool with_bias = options.boolean("bias", true);
  const std::string f =
      options.one_of("activation", kernels::activation_names(), std::string("identity"));
  return std::make_unique<DensePlan>(layer_name, input_shape, static_cast<std::size_t>(units),
                                     with_bias, kernels::activation_named(f));
}

std::vector<ParameterPlan> DensePlan::parameters() const {
  std::vector<ParameterPlan> list = {{"weight", {out, in}, Initial::weight, in, out}};
  if (bias) list.push_back({"bias", {out}, Initial::bias, in, out});
  return list;
}

std::size_t DensePlan::saved(std::size_t batch) const {
  return kernels::derivative_needs_input(activation) ? batch * positions * out : 0;
}

namespace {

// Scalars of dZ; what lies behind it begins at an alignment, whatever the scalar.
std::size_t dz_size(std::size_t rows, std::size_t out) { return aligned_size<float>(rows * out); }

}  // namespace

std::size_t DensePlan::workspace(const Target& target, std::size_t batch, bool training) const {
  const std::size_t rows = batch * positions;
  const bool factor = activation != Activation::identity && !makes_dz();
  const auto size = [&](const GemmShape& shape) {
    return target.scalar_bytes == sizeof(float)
               ? kernels::gemm_workspace<float>(target.on_device, target.gemm, shape)
               : kernels::gemm_workspace<double>(target.on_device, target.gemm, shape);
  };
  std::size_t most = size({rows, out, in, false, true, false, false});
  if (!training) return most;
  const std::size_t products = std::max(size({rows, in, out, false, false, factor, false}),
                                        size({out, in, rows, true, false, factor, bias}));
  return std::max(most, (makes_dz() ? dz_size(rows, out) : 0) + products);
}

Counts DensePlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                         bool input_gradient) const {
  const double rows = double(batch) * positions, inputs = rows * in, outputs = rows * out;
  const double weights = double(in) * out, biases = bias ? double(out) : 0;
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.matrix_flops = 2 * rows * weights;
    counts.flops =
        counts.matrix_flops + (bias ? outputs : 0) + kernels::forward_flops(activation) * outputs;
    scalars = inputs + weights + biases + outputs;
  } else {
    counts.matrix_flops = (input_gradient ? 4 : 2) * rows * weights;
    counts.flops =
        counts.matrix_flops + (bias ? outputs : 0) + kernels::backward_flops(activation) * outputs;
    scalars = (input_gradient ? 2 : 1) * (inputs + weights) + biases + outputs +
              (activation == Activation::identity ? 0 : outputs);
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Dense<Space, T>::Dense(const DensePlan& plan, const Target& target)
    : in_(plan.in),
      out_(plan.out),
      positions_(plan.positions),
      bias_(plan.bias),
      activation_(plan.activation),
      gemm_(target.gemm),
      makes_dz_(plan.makes_dz()),
      forward_(plan.name + "/forward"),
      input_gradient_(plan.name + "/backward/input"),
      weight_gradient_(plan.name + "/backward/weight"),
      derivative_(plan.name + "/backward/derivative") {}

template <class Space, class T>
void Dense<Space, T>::forward(const Space& instance, Mode /*mode*/, const Matrix<Space, const T>& x,
                              const Matrix<Space, T>& y) {
  const std::size_t rows = x.extent(0) * positions_;
  GemmArguments<Space, T> product;
  product.a = Matrix<Space, const T>(x.data(), rows, in_);
  product.b = Matrix<Space, const T>(memory_.parameters[0].data(), out_, in_);
  product.c = Matrix<Space, T>(y.data(), rows, out_);
  product.transpose_b = true;
  if (bias_) product.bias = memory_.parameters[1];
  product.activation = activation_;
  if (memory_.saved.size() > 0) {
    product.pre_activation = Matrix<Space, T>(memory_.saved.data(), rows, out_);
  }
  kernels::gemm(instance, forward_, gemm_, product, memory_.workspace);
}

template <class Space, class T>
void Dense<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                               const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                               const Matrix<Space, T>& dx) {
  const std::size_t rows = x.extent(0) * positions_;
  GemmArguments<Space, T> product;
  Vector<Space, T> workspace = memory_.workspace;
  product.a = Matrix<Space, const T>(dy.data(), rows, out_);
  if (makes_dz_) {
    const std::size_t size = dz_size(rows, out_);
    kernels::multiply_by_derivative<Space, T>(instance, derivative_, activation_,
                                              as_vector(memory_.saved, dy.size()), as_vector(dy),
                                              as_vector(workspace, dy.size()));
    product.a = Matrix<Space, const T>(workspace.data(), rows, out_);
    workspace = Vector<Space, T>(workspace.data() + size, workspace.size() - size);
  } else if (activation_ != Activation::identity) {
    product.kept = Matrix<Space, const T>(y.data(), rows, out_);
    product.derivative = activation_;
  }
  if (dx.data()) {
    GemmArguments<Space, T> input_gradient = product;
    input_gradient.b = Matrix<Space, const T>(memory_.parameters[0].data(), out_, in_);
    input_gradient.c = Matrix<Space, T>(dx.data(), rows, in_);
    kernels::gemm(instance, input_gradient_, gemm_, input_gradient, workspace);
  }
  product.transpose_a = true;
  product.b = Matrix<Space, const T>(x.data(), rows, in_);
  product.c = Matrix<Space, T>(memory_.gradients[0].data(), out_, in_);
  if (bias_) product.row_sums = memory_.gradients[1];
  kernels::gemm(instance, weight_gradient_, gemm_, product, workspace);
}

#define RIDGELINE_DENSE(Space, T) template class Dense<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_DENSE)

}  // namespace ridgeline::layers
