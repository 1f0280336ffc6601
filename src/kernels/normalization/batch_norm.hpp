#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"
#include "kernels/rows/columns.hpp"

namespace ridgeline::kernels {

// Batch normalisation over x as [outer, channels, inner], with N = outer · inner values per
// channel:
//
// training   y = (x - mean) / √(variance + ε) · weight + bias, with the batch's mean and biased
//              variance; updates the running statistics:
//              running = (1 - momentum) running + momentum (mean, unbiased variance)
//   inference  the same with the running statistics
//   backward   x̂ = (x - mean) / √(variance + ε)
//              dbias = Σ dy,  dweight = Σ dy x̂
//              dx = weight / √(variance + ε) · (dy - dbias / N - x̂ · dweight / N)
//
// The batch may be divided among processes: each computes the sums of its samples, and OtherSamples
// combines them, while the gradients of weight and bias remain those of the samples here.
//
// Deviations are computed from the mean, never as the difference of two large sums. Sums have a
// fixed order that depends on the shape alone.

/// Memory [outer, channels, inner], row-major, with statistics per channel. An image is [batch,
/// channels, height · width]; features are channels with an `inner` of 1.
struct ChannelShape {
  std::size_t outer, channels, inner;

  std::size_t size() const { return outer * channels * inner; }
};

/// Names of the kernels of a phase, built once by their owner.
struct BatchNormLabels {
  explicit BatchNormLabels(const std::string& label)
      : apply(label), ranks(label + "/ranks"), sums(label + "/sums"), mean(label + "/mean") {}
  std::string apply, ranks;
  RowAndColumnLabels sums, mean;
};

/// The samples of a batch that other processes have. Its functions replace this process's partial
/// sums by those of the whole batch, on every process.
template <class Space, class T>
class OtherSamples {
 public:
  virtual ~OtherSamples() = default;
  /// Combines the mean and the sum of squared deviations of `values` values of each channel.
  virtual void combine(const Vector<Space, T>& means, const Vector<Space, T>& squares,
                       double values) const = 0;
  virtual void sum(const Vector<Space, T>& sums) const = 0;
};

/// Arguments of a forward pass. x and y have shape.size() values, everything else [channels]; y
/// does not alias x.
template <class Space, class T>
struct BatchNormArguments {
  ChannelShape shape;
  Vector<Space, const T> x;
  Vector<Space, T> y;
  Vector<Space, const T> weight, bias;
  Vector<Space, T> running_mean, running_var;  ///< updated by training, read by inference
  Vector<Space, T> mean, inverse_deviation;    ///< written by training, for the backward pass
  double momentum, epsilon;
  const OtherSamples<Space, T>* others = nullptr;  ///< null: the whole batch is here
  double values = 0;                               ///< per channel of the whole batch, with others
};

/// Arguments of a backward pass; dx may be empty, and does not alias x or dy.
template <class Space, class T>
struct BatchNormGradients {
  ChannelShape shape;
  Vector<Space, const T> x, dy;
  Vector<Space, T> dx;
  Vector<Space, const T> weight, mean, inverse_deviation;
  Vector<Space, T> weight_gradient, bias_gradient;  ///< of this rank's samples
  const OtherSamples<Space, T>* others = nullptr;   ///< null: the whole batch is here
  double values = 0;  ///< per channel of the whole batch, with those of others
};

/// Returns the scalars of workspace for training, forward or backward.
inline std::size_t batch_norm_workspace(const ChannelShape& shape) {
  const std::size_t of_rank = shape.inner > 1 ? 2 * shape.outer * shape.channels
                                              : column_workspace<2>(shape.outer, shape.channels);
  return of_rank + 2 * shape.channels;  // the sums over all ranks
}

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

}  // namespace ridgeline::kernels
