#include "kernels/normalization/batch_norm.hpp"
#include "layers/layer_of.hpp"

// batch_norm: y = (x - mean) / √(variance + ε) · weight + bias, on the channels of an image [C, H,
// W] (statistics over batch, H and W) and on the last dimension otherwise (statistics over all
// others). Training normalises with the batch's mean and biased variance, and updates the running
// statistics with its mean and unbiased variance; inference uses the running statistics. Formulas:
// kernels/normalization/batch_norm.hpp.

namespace ridgeline::layers {
namespace {

// A sample is [outer, channels, inner].
kernels::ChannelShape channels_of(const Shape& input) {
  if (input.size() == 3) return {1, input[0], input[1] * input[2]};
  return {size_of(input) / input.back(), input.back(), 1};
}

struct BatchNorm : LayerOf<BatchNorm> {
  explicit BatchNorm(const Description& from)
      : LayerOf(from, from.input),
        momentum(from.options.real({"momentum", "Weight of a batch in the running statistics."},
                                   config::Range::closed(0, 1), 0.1)),
        epsilon(from.options.real({"epsilon", "Value that is added to the variance."},
                                  config::Range::epsilon(), 1e-5)) {}

  static std::optional<StudyFamily> family() {
    return StudyFamily{"", {0, 16, 16}, 2, 512, 16, 16};
  }

  const double momentum, epsilon;
  const kernels::ChannelShape sample = channels_of(input);
  const kernels::BatchNormLabels forward_labels{name + "/forward"},
      backward_labels{name + "/backward"};

  kernels::ChannelShape of_batch(std::size_t batch) const {
    return {batch * sample.outer, sample.channels, sample.inner};
  }

  bool uses_whole_batch() const override { return true; }

  std::vector<Parameter> parameters() const override {
    const Shape shape = {sample.channels};
    std::vector<Parameter> list = {{"weight", shape, Initial::ones},
                                   {"bias", shape, Initial::zeros},
                                   {"running_mean", shape, Initial::zeros},
                                   {"running_var", shape, Initial::ones}};
    list[2].trained = list[3].trained = false;
    return list;
  }

  // Mean and 1 / √(variance + ε) of every channel.
  std::size_t saved(std::size_t) const override { return 2 * sample.channels; }

  std::size_t workspace(const Target&, std::size_t batch, bool training) const override {
    return training ? kernels::batch_norm_workspace(of_batch(batch)) : 0;
  }

  Work work(const CountedPass& pass) const override {
    const Formula n("n", double(pass.batch * size_of(input))), C("C", double(sample.channels));
    if (!pass.training) return {0, 2 * n + 5 * C, 2 * n + 4 * C, 0};
    if (pass.phase == Phase::forward) return {0, 6 * n + 13 * C, 2 * n + 4 * C, 0};
    if (!pass.input_gradient) return {0, 4 * n + C, 2 * n + 2 * C, 0};
    return {0, 8 * n + 5 * C, 3 * n + 3 * C, 0};
  }

  template <class Space, class T>
  void forward(const ForwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    kernels::BatchNormArguments<Space, T> arguments;
    arguments.shape = of_batch(pass.batch());
    arguments.x = as_vector(pass.x());
    arguments.y = as_vector(pass.y);
    arguments.weight = memory.parameters[0];
    arguments.bias = memory.parameters[1];
    arguments.running_mean = memory.parameters[2];
    arguments.running_var = memory.parameters[3];
    arguments.momentum = momentum;
    arguments.epsilon = epsilon;
    arguments.others = pass.part.others;
    arguments.values = double(pass.part.global_count) * double(sample.outer) * double(sample.inner);
    if (pass.mode == Mode::training) {
      arguments.mean = part_of(memory.saved, 0, sample.channels);
      arguments.inverse_deviation = part_of(memory.saved, sample.channels, sample.channels);
      kernels::batch_norm_training(pass.instance, forward_labels, arguments, memory.workspace);
    } else {
      kernels::batch_norm_inference(pass.instance, forward_labels, arguments);
    }
  }

  template <class Space, class T>
  void backward(const BackwardPass<Space, T>& pass) const {
    const LayerMemory<Space, T>& memory = pass.memory;
    kernels::BatchNormGradients<Space, T> arguments;
    arguments.shape = of_batch(pass.batch());
    arguments.x = as_vector(pass.x());
    arguments.dy = as_vector(pass.dy);
    arguments.dx = as_vector(pass.dx());
    arguments.weight = memory.parameters[0];
    arguments.mean = part_of(memory.saved, 0, sample.channels);
    arguments.inverse_deviation = part_of(memory.saved, sample.channels, sample.channels);
    arguments.weight_gradient = memory.gradients[0];
    arguments.bias_gradient = memory.gradients[1];
    arguments.others = pass.part.others;
    arguments.values = double(pass.part.global_count) * double(sample.outer) * double(sample.inner);
    kernels::batch_norm_backward(pass.instance, backward_labels, arguments, memory.workspace);
  }
};

}  // namespace

RIDGELINE_LAYER(batch_norm, BatchNorm)

}  // namespace ridgeline::layers
