#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace ridgeline::testing {

/// Batch normalisation in float64, value by value, over x as [outer, channels, inner].
struct BatchNormDefinition {
  using Values = std::vector<double>;

  std::size_t outer, channels, inner;
  double momentum = 0.1, epsilon = 1e-5;

  std::size_t channel_of(std::size_t i) const { return i / inner % channels; }
  double count() const { return double(outer * inner); }

  void statistics(const Values& x, Values& mean, Values& variance) const {
    mean.assign(channels, 0);
    variance.assign(channels, 0);
    for (std::size_t i = 0; i < x.size(); ++i) mean[channel_of(i)] += x[i] / count();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double off = x[i] - mean[channel_of(i)];
      variance[channel_of(i)] += off * off / count();
    }
  }
  Values normalised(const Values& x, const Values& mean, const Values& variance) const {
    Values y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channel_of(i);
      y[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon);
    }
    return y;
  }
  /// weight · xhat + bias.
  Values output(const Values& xhat, const Values& weight, const Values& bias) const {
    Values y(xhat.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = xhat[i] * weight[channel_of(i)] + bias[channel_of(i)];
    }
    return y;
  }
  /// Updates the running statistics after a batch with this mean and biased variance.
  Values moved_mean(const Values& running, const Values& mean) const {
    Values moved(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      moved[c] = (1 - momentum) * running[c] + momentum * mean[c];
    }
    return moved;
  }
  Values moved_variance(const Values& running, const Values& variance) const {
    Values moved(channels);
    const double unbiased = count() > 1 ? count() / (count() - 1) : 1.0;
    for (std::size_t c = 0; c < channels; ++c) {
      moved[c] = (1 - momentum) * running[c] + momentum * variance[c] * unbiased;
    }
    return moved;
  }
  /// dweight, dbias and dx of the loss whose gradient by y is dy.
  void gradients(const Values& x, const Values& dy, const Values& weight, Values& weight_gradient,
                 Values& bias_gradient, Values& dx) const {
    Values mean, variance;
    statistics(x, mean, variance);
    const Values xhat = normalised(x, mean, variance);
    weight_gradient.assign(channels, 0);
    bias_gradient.assign(channels, 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      weight_gradient[channel_of(i)] += dy[i] * xhat[i];
      bias_gradient[channel_of(i)] += dy[i];
    }
    dx.resize(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t c = channel_of(i);
      dx[i] = weight[c] / std::sqrt(variance[c] + epsilon) *
              (dy[i] - bias_gradient[c] / count() - xhat[i] * weight_gradient[c] / count());
    }
  }
};

}  // namespace ridgeline::testing
