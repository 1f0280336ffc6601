#include "kernels/batch_norm.hpp"

#include "core/launch.hpp"
#include "kernels/device_batch_norm.hpp"
#include "kernels/host_batch_norm.hpp"

namespace ridgeline::kernels {
namespace {

// Planes at least as long as a warp are read by one channel's threads, else channels side by side.
template <class Space, class T>
using DevicePlanes = DeviceBatchNorm<Space, T, 1, 256>;
template <class Space, class T>
using DeviceColumns = DeviceBatchNorm<Space, T, 32, 8>;

template <class Space, class T>
host::BatchNorm<T> host_forward(const BatchNormArguments<Space, T>& args) {
  host::BatchNorm<T> kernel;
  kernel.shape = args.shape;
  kernel.cut = host::batch_norm_cut<T>(args.shape);
  kernel.x = args.x.data();
  kernel.out = args.y.data();
  kernel.weight = args.weight.data();
  kernel.bias = args.bias.data();
  return kernel;
}

// What turns a channel's partial sums into its numbers, with the work that it is.
template <class Space, class Combine>
void combine(const Space& instance, const std::string& label, const ChannelShape& shape,
             const ChannelCut& cut, const Combine& body) {
  const double partials = double(cut.groups) * shape.channels * cut.entries;
  for_elements(instance, label, shape.channels, {20 * partials, 16 * partials}, body, 16);
}

}  // namespace

template <class T>
std::size_t batch_norm_workspace(bool on_device, const ChannelShape& shape) {
  if (!on_device) {
    const ChannelCut cut = host::batch_norm_cut<T>(shape);
    return 2 * cut.groups * shape.channels * cut.entries;
  }
  const int threads = shape.inner >= kWarp ? 256 : 8;
  return 2 * device_batch_norm_cut(shape, threads).groups * shape.channels;
}

template <class Space, class T>
void batch_norm_training(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormArguments<Space, T>& args,
                         const Vector<Space, T>& workspace) {
  if constexpr (kIsHost<Space>) {
    host::BatchNorm<T> kernel = host_forward(args);
    kernel.mean = args.mean.data();
    kernel.inverse_deviation = args.inverse_deviation.data();
    kernel.partials = workspace.data();
    const double size = double(args.shape.size());
    for_blocks(instance, labels.sums, kernel.blocks(), {4 * size, sizeof(T) * size},
               [&](int block) { kernel.statistics(block); });
    combine(instance, labels.combine, args.shape, kernel.cut,
            combine_statistics(args, kernel.cut, workspace.data()));
    for_blocks(instance, labels.apply, kernel.blocks(), {3 * size, 2 * sizeof(T) * size},
               [&](int block) { kernel.normalise(block); });
  } else if (args.shape.inner >= kWarp) {
    DevicePlanes<Space, T>::training(instance, labels, args, workspace.data());
  } else {
    DeviceColumns<Space, T>::training(instance, labels, args, workspace.data());
  }
}

template <class Space, class T>
void batch_norm_inference(const Space& instance, const BatchNormLabels& labels,
                          const BatchNormArguments<Space, T>& args) {
  if constexpr (kIsHost<Space>) {
    host::BatchNorm<T> kernel = host_forward(args);
    kernel.mean = args.running_mean.data();
    kernel.variance = args.running_var.data();
    kernel.epsilon = args.epsilon;
    const double size = double(args.shape.size());
    for_blocks(instance, labels.apply, kernel.blocks(), {3 * size, 2 * sizeof(T) * size},
               [&](int block) { kernel.normalise(block); });
  } else {
    DevicePlanes<Space, T>::inference(instance, labels, args);
  }
}

template <class Space, class T>
void batch_norm_backward(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormGradients<Space, T>& args,
                         const Vector<Space, T>& workspace) {
  if constexpr (kIsHost<Space>) {
    host::BatchNorm<T> kernel;
    kernel.shape = args.shape;
    kernel.cut = host::batch_norm_cut<T>(args.shape);
    kernel.x = args.x.data();
    kernel.dy = args.dy.data();
    kernel.out = args.dx.data();
    kernel.weight = args.weight.data();
    kernel.mean = args.mean.data();
    kernel.inverse_deviation = args.inverse_deviation.data();
    kernel.weight_gradient = args.weight_gradient.data();
    kernel.bias_gradient = args.bias_gradient.data();
    kernel.partials = workspace.data();
    const double size = double(args.shape.size());
    for_blocks(instance, labels.sums, kernel.blocks(), {4 * size, 2 * sizeof(T) * size},
               [&](int block) { kernel.gradient_sums(block); });
    combine(instance, labels.combine, args.shape, kernel.cut,
            combine_gradients(args, kernel.cut, workspace.data()));
    if (!kernel.out) return;
    for_blocks(instance, labels.apply, kernel.blocks(), {4 * size, 3 * sizeof(T) * size},
               [&](int block) { kernel.input_gradient(block); });
  } else if (args.shape.inner >= kWarp) {
    DevicePlanes<Space, T>::backward(instance, labels, args, workspace.data());
  } else {
    DeviceColumns<Space, T>::backward(instance, labels, args, workspace.data());
  }
}

template std::size_t batch_norm_workspace<float>(bool, const ChannelShape&);
template std::size_t batch_norm_workspace<double>(bool, const ChannelShape&);
#define RIDGELINE_BATCH_NORM(Space, T)                                               \
  template void batch_norm_training<Space, T>(const Space&, const BatchNormLabels&,  \
                                              const BatchNormArguments<Space, T>&,   \
                                              const Vector<Space, T>&);              \
  template void batch_norm_inference<Space, T>(const Space&, const BatchNormLabels&, \
                                               const BatchNormArguments<Space, T>&); \
  template void batch_norm_backward<Space, T>(const Space&, const BatchNormLabels&,  \
                                              const BatchNormGradients<Space, T>&,   \
                                              const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_BATCH_NORM)

}  // namespace ridgeline::kernels
