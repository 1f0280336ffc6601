#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/batch_norm_combine.hpp"
#include "kernels/channels.hpp"

namespace ridgeline::kernels {

// Batch normalisation over x as [outer, channels, inner], with N = outer · inner values a channel:
//   training   y = (x - mean) / sqrt(variance + epsilon) · weight + bias, with the batch's mean and
//              biased variance, which also move the running ones:
//              running = (1 - momentum) running + momentum (mean, unbiased variance)
//   inference  the same with the running statistics
//   backward   xhat = (x - mean) / sqrt(variance + epsilon)
//              dbias = sum(dy),  dweight = sum(dy xhat)
//              dx = weight / sqrt(variance + epsilon) · (dy - dbias / N - xhat · dweight / N)
// Deviations are taken from a mean of the values at hand, never as the difference of two large
// sums. Sums have a fixed order that depends on the shape alone.

/// Names of the kernels of a phase.
struct BatchNormLabels {
  explicit BatchNormLabels(const std::string& label)
      : apply(label), sums(label + "/sums"), combine(label + "/combine") {}
  std::string apply, sums, combine;
};

/// A forward pass. x and y have shape.size() values, everything else [channels]; y does not alias
/// x.
template <class Space, class T>
struct BatchNormArguments {
  ChannelShape shape;
  Vector<Space, const T> x;
  Vector<Space, T> y;
  Vector<Space, const T> weight, bias;
  Vector<Space, T> running_mean, running_var;  ///< updated by training, read by inference
  Vector<Space, T> mean, inverse_deviation;    ///< written by training, for the backward pass
  double momentum, epsilon;
};

/// A backward pass; dx may be empty, and does not alias x or dy.
template <class Space, class T>
struct BatchNormGradients {
  ChannelShape shape;
  Vector<Space, const T> x, dy;
  Vector<Space, T> dx;
  Vector<Space, const T> weight, mean, inverse_deviation;
  Vector<Space, T> weight_gradient, bias_gradient;
};

/// Scalars of workspace for training, forward or backward.
template <class T>
std::size_t batch_norm_workspace(bool on_device, const ChannelShape& shape);

template <class Space, class T>
void batch_norm_training(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormArguments<Space, T>& arguments,
                         const Vector<Space, T>& workspace);

template <class Space, class T>
void batch_norm_inference(const Space& instance, const BatchNormLabels& labels,
                          const BatchNormArguments<Space, T>& arguments);

template <class Space, class T>
void batch_norm_backward(const Space& instance, const BatchNormLabels& labels,
                         const BatchNormGradients<Space, T>& arguments,
                         const Vector<Space, T>& workspace);

/// What turns partial sums into a channel's statistics, and into its gradients.
template <class Space, class T>
CombineStatistics<T> combine_statistics(const BatchNormArguments<Space, T>& args,
                                        const ChannelCut& cut, const T* partials) {
  return {{partials, args.shape, cut},
          args.mean.data(),
          args.inverse_deviation.data(),
          args.running_mean.data(),
          args.running_var.data(),
          args.momentum,
          args.epsilon};
}
template <class Space, class T>
CombineGradients<T> combine_gradients(const BatchNormGradients<Space, T>& args,
                                      const ChannelCut& cut, const T* partials) {
  return {{partials, args.shape, cut},
          args.inverse_deviation.data(),
          args.weight_gradient.data(),
          args.bias_gradient.data()};
}

}  // namespace ridgeline::kernels
