#include "layers/conv2d.hpp"

#include <algorithm>

namespace ridgeline::layers {

using kernels::Activation;
using kernels::ConvolutionAxis;
using kernels::ConvolutionShape;

Conv2dPlan::Conv2dPlan(std::string layer_name, const ConvolutionShape& one, bool with_bias,
                       Activation f)
    : LayerPlan(
          "conv2d", std::move(layer_name),
          {std::size_t(one.channels), std::size_t(one.height.in), std::size_t(one.width.in)},
          {std::size_t(one.filters), std::size_t(one.height.out()), std::size_t(one.width.out())}),
      convolution(one),
      bias(with_bias),
      activation(f) {}

std::unique_ptr<LayerPlan> Conv2dPlan::read(const config::OptionTable& options,
                                            const std::string& layer_name,
                                            const Shape& input_shape) {
  constexpr std::int64_t kMost = 1 << 16;
  if (input_shape.size() != 3) {
    options.fail("kind",
                 "a conv2d layer takes images [channels, height, width], and what comes is " +
                     ridgeline::to_string(input_shape));
  }
  ConvolutionShape shape;
  shape.channels = static_cast<int>(input_shape[0]);
  shape.filters = static_cast<int>(options.integer("channels", 1, 1 << 24));
  const auto kernel = options.pair("kernel", 1, kMost);
  const auto stride = options.pair("stride", 1, kMost, {1, 1});
  const auto padding = options.pair("padding", 0, kMost, {0, 0});
  const auto dilation = options.pair("dilation", 1, kMost, {1, 1});
  shape.groups = static_cast<int>(options.integer("groups", 1, 1 << 24, 1));
  const auto axis = [&](int i) {
    return ConvolutionAxis{static_cast<int>(input_shape[i + 1]), static_cast<int>(kernel[i]),
                           static_cast<int>(stride[i]), static_cast<int>(padding[i]),
                           static_cast<int>(dilation[i])};
  };
  shape.height = axis(0);
  shape.width = axis(1);
  for (const ConvolutionAxis* side : {&shape.height, &shape.width}) {
    const std::int64_t reach = std::int64_t(side->kernel - 1) * side->dilation + 1;
    const std::int64_t padded = side->in + std::int64_t(2) * side->padding;
    if (reach > padded) {
      options.fail("kernel", options.path("kernel") + " reaches over " + std::to_string(reach) +
                                 " pixels with its dilation, and the padded " +
                                 (side == &shape.height ? "height" : "width") + " has " +
                                 std::to_string(padded));
    }
  }
  if (shape.channels % shape.groups != 0) {
    options.fail("groups", options.path("groups") + " = " + std::to_string(shape.groups) +
                               " must divide the input's channels, " +
                               std::to_string(shape.channels));
  }
  if (shape.filters % shape.groups != 0) {
    options.fail("groups", options.path("groups") + " = " + std::to_string(shape.groups) +
                               " must divide channels = " + std::to_string(shape.filters));
  }
  const bool with_bias = options.boolean("bias", true);
  const std::string f =
      options.one_of("activation", kernels::activation_names(), std::string("identity"));
  return std::make_unique<Conv2dPlan>(layer_name, shape, with_bias, kernels::activation_named(f));
}

ConvolutionShape Conv2dPlan::of_batch(std::size_t batch) const {
  ConvolutionShape shape = convolution;
  shape.batch = static_cast<int>(batch);
  return shape;
}

std::vector<ParameterPlan> Conv2dPlan::parameters() const {
  const std::size_t filters = convolution.filters, channels = convolution.group_channels();
  const std::size_t taps = convolution.taps();
  // PyTorch's fans: the second is of the weight as if it were transposed.
  const std::size_t fan_in = channels * taps, fan_out = filters * taps;
  std::vector<ParameterPlan> list = {{"weight",
                                      {filters, channels, std::size_t(convolution.height.kernel),
                                       std::size_t(convolution.width.kernel)},
                                      Initial::weight,
                                      fan_in,
                                      fan_out}};
  if (bias) list.push_back({"bias", {filters}, Initial::bias, fan_in, fan_out});
  return list;
}

std::size_t Conv2dPlan::saved(std::size_t batch) const {
  return kernels::derivative_needs_input(activation) ? batch * size_of(output) : 0;
}

std::size_t Conv2dPlan::workspace(const Target& target, std::size_t batch, bool training) const {
  const ConvolutionShape shape = of_batch(batch);
  return target.scalar_bytes == sizeof(float)
             ? kernels::convolution_workspace<float>(target.on_device, target.workers, shape,
                                                     training)
             : kernels::convolution_workspace<double>(target.on_device, target.workers, shape,
                                                      training);
}

Counts Conv2dPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                          bool input_gradient) const {
  const double inputs = double(batch) * size_of(input), outputs = double(batch) * size_of(output);
  const double weights = double(convolution.weights());
  const double biases = bias ? double(convolution.filters) : 0;
  const double product = 2 * double(batch) * convolution.out_pixels() * weights;
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.matrix_flops = product;
    counts.flops = product + (bias ? outputs : 0) + kernels::forward_flops(activation) * outputs;
    scalars = inputs + weights + biases + outputs;
  } else {
    counts.matrix_flops = (input_gradient ? 2 : 1) * product;
    counts.flops =
        counts.matrix_flops + (bias ? outputs : 0) + kernels::backward_flops(activation) * outputs;
    // Reading the output again for the activation is not compulsory: it is counted for dense alone
    // (docs/layers.md).
    scalars = (input_gradient ? 2 : 1) * (inputs + weights) + biases + outputs;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

template <class Space, class T>
Conv2d<Space, T>::Conv2d(const Conv2dPlan& plan, const Target&)
    : convolution_(plan.convolution),
      bias_(plan.bias),
      activation_(plan.activation),
      forward_(plan.name + "/forward"),
      input_gradient_(plan.name + "/backward/input"),
      weight_gradient_(plan.name + "/backward/weight") {}

template <class Space, class T>
void Conv2d<Space, T>::forward(const Space& instance, Mode /*mode*/,
                               const Matrix<Space, const T>& x, const Matrix<Space, T>& y) {
  ConvolutionShape shape = convolution_;
  shape.batch = static_cast<int>(x.extent(0));
  kernels::ConvolutionForward<Space, T> arguments;
  arguments.x = x;
  arguments.weight = memory_.parameters[0];
  if (bias_) arguments.bias = memory_.parameters[1];
  arguments.activation = activation_;
  if (memory_.saved.size() > 0) {
    arguments.pre_activation = Matrix<Space, T>(memory_.saved.data(), y.extent(0), y.extent(1));
  }
  arguments.y = y;
  kernels::convolution(instance, forward_, shape, arguments, memory_.workspace);
}

template <class Space, class T>
void Conv2d<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                const Matrix<Space, const T>& y, const Matrix<Space, const T>& dy,
                                const Matrix<Space, T>& dx) {
  ConvolutionShape shape = convolution_;
  shape.batch = static_cast<int>(x.extent(0));
  Matrix<Space, const T> kept;
  if (activation_ != Activation::identity) {
    const bool from_input = kernels::derivative_needs_input(activation_);
    kept = Matrix<Space, const T>(from_input ? memory_.saved.data() : y.data(), y.extent(0),
                                  y.extent(1));
  }
  if (dx.data()) {
    kernels::ConvolutionInputGradient<Space, T> arguments;
    arguments.dy = dy;
    arguments.kept = kept;
    arguments.derivative = activation_;
    arguments.weight = memory_.parameters[0];
    arguments.dx = dx;
    kernels::convolution(instance, input_gradient_, shape, arguments, memory_.workspace);
  }
  kernels::ConvolutionWeightGradient<Space, T> arguments;
  arguments.x = x;
  arguments.dy = dy;
  arguments.kept = kept;
  arguments.derivative = activation_;
  arguments.dweight = memory_.gradients[0];
  if (bias_) arguments.dbias = memory_.gradients[1];
  kernels::convolution(instance, weight_gradient_, shape, arguments, memory_.workspace);
}

#define RIDGELINE_CONV2D(Space, T) template class Conv2d<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_CONV2D)

}  // namespace ridgeline::layers
