#include "layers/batch_norm.hpp"

namespace ridgeline::layers {
namespace {

bool is_image(const Shape& shape) { return shape.size() == 3; }

}  // namespace

BatchNormPlan::BatchNormPlan(std::string layer_name, const Shape& input_shape,
                             double momentum_value, double epsilon_value)
    : LayerPlan("batch_norm", std::move(layer_name), input_shape, input_shape),
      momentum(momentum_value),
      epsilon(epsilon_value),
      channels(is_image(input_shape) ? input_shape.front() : input_shape.back()),
      outer(is_image(input_shape) ? 1 : size_of(input_shape) / input_shape.back()),
      inner(is_image(input_shape) ? input_shape[1] * input_shape[2] : 1) {}

std::unique_ptr<LayerPlan> BatchNormPlan::read(const config::OptionTable& options,
                                               const std::string& layer_name,
                                               const Shape& input_shape) {
  const double momentum = options.real("momentum", config::Range::closed(0, 1), 0.1);
  const double epsilon = options.real("epsilon", config::Range::positive(), 1e-5);
  return std::make_unique<BatchNormPlan>(layer_name, input_shape, momentum, epsilon);
}

std::vector<ParameterPlan> BatchNormPlan::parameters() const {
  std::vector<ParameterPlan> list = {{"weight", {channels}, Initial::ones},
                                     {"bias", {channels}, Initial::zeros},
                                     {"running_mean", {channels}, Initial::zeros},
                                     {"running_var", {channels}, Initial::ones}};
  list[2].trained = list[3].trained = false;
  return list;
}

std::size_t BatchNormPlan::saved(std::size_t /*batch*/) const { return 2 * channels; }

std::size_t BatchNormPlan::workspace(const Target& /*target*/, std::size_t batch,
                                     bool training) const {
  return training ? kernels::batch_norm_workspace(shape(batch)) : 0;
}

Counts BatchNormPlan::counts(Phase phase, std::size_t batch, std::size_t scalar_bytes,
                             bool input_gradient) const {
  const double size = double(batch) * size_of(input), c = double(channels);
  Counts counts;
  double scalars;
  if (phase == Phase::forward) {
    counts.flops = 6 * size + 13 * c;
    scalars = 2 * size + 4 * c;
  } else {
    counts.flops = input_gradient ? 8 * size + 5 * c : 4 * size + c;
    scalars = input_gradient ? 3 * size + 3 * c : 2 * size + 2 * c;
  }
  counts.bytes = counts.working_set_bytes = scalars * scalar_bytes;
  return counts;
}

Counts BatchNormPlan::inference_counts(std::size_t batch, std::size_t scalar_bytes) const {
  Counts counts = this->counts(Phase::forward, batch, scalar_bytes, true);
  counts.flops = 2 * double(batch) * size_of(input) + 5 * double(channels);
  return counts;
}

template <class Space, class T>
BatchNorm<Space, T>::BatchNorm(const BatchNormPlan& plan, const Target&)
    : sample_(plan.shape(1)),
      momentum_(plan.momentum),
      epsilon_(plan.epsilon),
      forward_(plan.name + "/forward"),
      backward_(plan.name + "/backward") {}

template <class Space, class T>
void BatchNorm<Space, T>::forward(const Space& instance, Mode mode, const Matrix<Space, const T>& x,
                                  const Matrix<Space, T>& y) {
  kernels::BatchNormArguments<Space, T> args;
  args.shape = {x.extent(0) * sample_.outer, sample_.channels, sample_.inner};
  args.x = Vector<Space, const T>(x.data(), x.size());
  args.y = Vector<Space, T>(y.data(), y.size());
  args.weight = memory_.parameters[0];
  args.bias = memory_.parameters[1];
  args.running_mean = memory_.parameters[2];
  args.running_var = memory_.parameters[3];
  args.momentum = momentum_;
  args.epsilon = epsilon_;
  if (mode == Mode::training) {
    args.mean = saved(0);
    args.inverse_deviation = saved(1);
    kernels::batch_norm_training(instance, forward_, args, memory_.workspace);
  } else {
    kernels::batch_norm_inference(instance, forward_, args);
  }
}

template <class Space, class T>
void BatchNorm<Space, T>::backward(const Space& instance, const Matrix<Space, const T>& x,
                                   const Matrix<Space, const T>& /*y*/,
                                   const Matrix<Space, const T>& dy, const Matrix<Space, T>& dx) {
  kernels::BatchNormGradients<Space, T> args;
  args.shape = {x.extent(0) * sample_.outer, sample_.channels, sample_.inner};
  args.x = Vector<Space, const T>(x.data(), x.size());
  args.dy = Vector<Space, const T>(dy.data(), dy.size());
  if (dx.data()) args.dx = Vector<Space, T>(dx.data(), dx.size());
  args.weight = memory_.parameters[0];
  args.mean = saved(0);
  args.inverse_deviation = saved(1);
  args.weight_gradient = memory_.gradients[0];
  args.bias_gradient = memory_.gradients[1];
  kernels::batch_norm_backward(instance, backward_, args, memory_.workspace);
}

#define RIDGELINE_BATCH_NORM(Space, T) template class BatchNorm<Space, T>;
RIDGELINE_FOR_SPACES(RIDGELINE_BATCH_NORM)

}  // namespace ridgeline::layers
