#include "core/scalar.hpp"
#include "kernels/convolution/convolution.hpp"
#include "layers/image.hpp"
#include "layers/layer_of.hpp"

// clang-format off
// conv2d: Y = f(X ⋆ W + b), a convolution of images [C, H, W] in groups of channels.
//   forward   Z[k, p, q] = b[k] + Σ_{c, r, s} W[k, c, r, s] X[c, p·stride + r·dilation - padding, …]
//             Y = f(Z); c runs over the channels of k's group, X is zero outside
//   backward  dZ = dY ∘ f'(Z),  dX = the transposed convolution of dZ with W,
//             dW[k, c, r, s] = Σ dZ[k, p, q] X[c, p·stride + r·dilation - padding, …],  db = Σ dZ
// Bias, activation and derivative are fused into the convolutions.
// clang-format on

namespace ridgeline::layers {
namespace {

using kernels::Activation;
using kernels::ConvolutionAxis;
using kernels::ConvolutionLabels;
using kernels::ConvolutionShape;

// Returns the convolution of one sample.
ConvolutionShape read_convolution(const Description& from) {
  constexpr std::int64_t kMost = 1 << 16;
  const config::OptionTable& options = from.options;
  require_image(from);
  ConvolutionShape shape;
  shape.channels = static_cast<int>(from.input[0]);
  shape.filters =
      static_cast<int>(options.integer({"channels", "Number of output channels."}, 1, 1 << 24));
  const auto kernel = options.pair({"kernel", "Height and width of the kernel."}, 1, kMost);
  const auto stride =
      options.pair({"stride", "Distance between neighbouring outputs, in pixels of the input."}, 1,
                   kMost, {1, 1});
  const auto padding = options.pair(
      {"padding", "Rows and columns of zeros that are added at each side."}, 0, kMost, {0, 0});
  const auto dilation =
      options.pair({"dilation", "Distance between neighbouring weights of the kernel, in pixels."},
                   1, kMost, {1, 1});
  shape.groups = static_cast<int>(options.integer(
      {"groups", "Number of groups of channels that are convolved separately."}, 1, 1 << 24, 1));
  const auto axis = [&](std::size_t i) {
    return ConvolutionAxis{static_cast<int>(from.input[i + 1]), static_cast<int>(kernel[i]),
                           static_cast<int>(stride[i]), static_cast<int>(padding[i]),
                           static_cast<int>(dilation[i])};
  };
  shape.height = axis(0);
  shape.width = axis(1);
  for (const ConvolutionAxis* side : {&shape.height, &shape.width}) {
    const std::int64_t reach = std::int64_t(side->kernel - 1) * side->dilation + 1;
    const std::int64_t padded = side->in + std::int64_t(2) * side->padding;
    if (reach > padded) {
      refuse_image(from, "kernel",
                   options.path("kernel") + " reaches over " + std::to_string(reach) +
                       " pixels with its dilation, and the padded " +
                       (side == &shape.height ? "height" : "width") + " has " +
                       std::to_string(padded));
    }
  }
  if (shape.channels % shape.groups != 0) {
    refuse_image(from, "groups",
                 options.path("groups") + " = " + std::to_string(shape.groups) +
                     " must divide the input's channels, " + std::to_string(shape.channels));
  }
  if (shape.filters % shape.groups != 0) {
    options.fail("groups", options.path("groups") + " = " + std::to_string(shape.groups) +
                               " must divide channels = " + std::to_string(shape.filters));
  }
  return shape;
}

Shape images_of(const ConvolutionShape& shape) {
  return {std::size_t(shape.filters), std::size_t(shape.height.out()),
          std::size_t(shape.width.out())};
}

struct Conv2d : LayerOf<Conv2d> {
  explicit Conv2d(const Description& from) : Conv2d(from, read_convolution(from)) {}
  Conv2d(const Description& from, const ConvolutionShape& convolution)
      : LayerOf(from, images_of(convolution)),
        sample(convolution),
        bias(from.options.boolean({"bias", "Adds a trained bias to every output channel."}, true)),
        activation(read_activation(
            from.options, {"activation", "Function that is applied to the outputs."}, "identity")) {
  }

  static std::optional<StudyFamily> family() {
    return StudyFamily{"channels = WIDTH\nkernel = 3\npadding = 1", {0, 16, 16}, 2, 128, 16, 8};
  }

  const ConvolutionShape sample;
  const bool bias;
  const Activation activation;
  const bool keeps_z = kernels::derivative_needs_input(activation);
  const ConvolutionLabels forward_labels{name + "/forward"}, input_labels{name + "/backward/input"},
      weight_labels{name + "/backward/weight"};

  ConvolutionShape of_batch(std::size_t batch) const {
    ConvolutionShape shape = sample;
    shape.batch = static_cast<int>(batch);
    return shape;
  }

  std::vector<Parameter> parameters() const override {
    const std::size_t filters = sample.filters, channels = sample.group_channels();
    const std::size_t taps = sample.taps();
    // PyTorch's fans: fan_out is computed as if the weight were transposed.
    const std::size_t fan_in = channels * taps, fan_out = filters * taps;
    const Shape shape = {filters, channels, std::size_t(sample.height.kernel),
                         std::size_t(sample.width.kernel)};
    std::vector<Parameter> list = {{"weight", shape, Initial::weight, fan_in, fan_out}};
    if (bias) list.push_back({"bias", {filters}, Initial::bias, fan_in, fan_out});
    return list;
  }

  std::size_t saved(std::size_t batch) const override {
    return keeps_z ? batch * size_of(output) : 0;
  }

  std::size_t workspace(const Target& target, std::size_t batch, bool training) const override {
    return with_scalar(target.scalar_bytes, [&](auto zero) {
      return kernels::convolution_workspace<decltype(zero)>(target.on_device, target.workers,
                                                            of_batch(batch), training);
    });
  }

  Work work(const CountedPass& pass) const override {
    const Formula B("B", double(pass.batch)), C("C", sample.channels), K("K", sample.filters);
    const Formula H("H", sample.height.in), W("W", sample.width.in);
    const Formula P("P", sample.height.out()), Q("Q", sample.width.out());
    const Formula R("R", sample.height.kernel), S("S", sample.width.kernel);
    const Formula weights = K * Formula("(C/g)", sample.group_channels()) * R * S;
    // Taps on padding count too.
    const auto product = [&](double flops) { return flops * B * P * Q * weights; };
    const Formula inputs = B * C * H * W, outputs = B * K * P * Q, biases = bias ? 1 : 0;
    if (pass.phase == Phase::forward) {
      const Formula a("a", kernels::forward_flops(activation));
      return {product(2), biases * outputs + a * outputs, inputs + weights + biases * K + outputs,
              0};
    }
    const Formula d("d", kernels::backward_flops(activation));
    const double both = pass.input_gradient ? 2 : 1;
    // Reading the output again for the derivative is not compulsory traffic: only dense counts it.
    return {product(2 * both), biases * outputs + d * outputs,
            both * (inputs + weights) + biases * K + outputs, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    kernels::ConvolutionForward<Space, T> arguments;
    arguments.x = pass.x();
    arguments.weight = memory.parameters[0];
    if (bias) arguments.bias = memory.parameters[1];
    arguments.activation = activation;
    if (pass.saves()) {
      arguments.pre_activation = as_matrix(memory.saved, pass.y.extent(0), pass.y.extent(1));
    }
    arguments.y = pass.y;
    kernels::convolution(pass.instance, forward_labels, of_batch(pass.batch()), arguments,
                         memory.workspace);
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    const ConvolutionShape shape = of_batch(pass.batch());
    Matrix<Space, const T> kept;
    if (keeps_z) {
      kept = as_matrix(memory.saved, pass.y.extent(0), pass.y.extent(1));
    } else if (activation != Activation::identity) {
      kept = pass.y;
    }
    if (pass.dx().data()) {
      kernels::ConvolutionInputGradient<Space, T> arguments;
      arguments.dy = pass.dy;
      arguments.kept = kept;
      arguments.derivative = activation;
      arguments.weight = memory.parameters[0];
      arguments.dx = pass.dx();
      kernels::convolution(pass.instance, input_labels, shape, arguments, memory.workspace);
    }
    kernels::ConvolutionWeightGradient<Space, T> arguments;
    arguments.x = pass.x();
    arguments.dy = pass.dy;
    arguments.kept = kept;
    arguments.derivative = activation;
    arguments.dweight = memory.gradients[0];
    if (bias) arguments.dbias = memory.gradients[1];
    kernels::convolution(pass.instance, weight_labels, shape, arguments, memory.workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(conv2d, Conv2d)

}  // namespace ridgeline::layers
