#pragma once

#include <cmath>
#include <cstddef>

#include "core/function.hpp"
#include "kernels/channels.hpp"

namespace ridgeline::kernels {

// What makes one number a channel of its partial sums, on hosts and devices alike: in a fixed order
// and in float64, since a channel has few of them.

/// Partial sums of two quantities, [groups, 2, channels · entries].
template <class T>
struct ChannelPartials {
  const T* data;
  std::size_t outer, channels, group, groups, entries, samples;

  ChannelPartials(const T* partials, const ChannelShape& shape, const ChannelCut& cut)
      : data(partials),
        outer(shape.outer),
        channels(shape.channels),
        group(cut.group),
        groups(cut.groups),
        entries(cut.entries),
        samples(cut.samples) {}

  /// Quantity `which` of group `g` and entry `e` of a channel.
  RIDGELINE_FUNCTION double at(std::size_t g, int which, std::size_t channel, std::size_t e) const {
    return data[((g * 2 + which) * channels + channel) * entries + e];
  }
  /// Values behind a partial sum.
  RIDGELINE_FUNCTION double count(std::size_t g) const {
    const std::size_t left = outer - g * group;
    return static_cast<double>((left < group ? left : group) * samples);
  }
};

/// Mean and biased variance of a channel, from its groups' means and sums of squared deviations:
/// the whole's sum of squared deviations is theirs and that of their means (Chan, Golub and
/// LeVeque, "Algorithms for computing the sample variance", 1983).
template <class T>
struct CombineStatistics {
  ChannelPartials<T> partials;
  T* mean;               ///< [channels]
  T* inverse_deviation;  ///< [channels]: 1 / sqrt(variance + epsilon)
  T* running_mean;       ///< [channels], updated
  T* running_var;        ///< [channels], updated with the unbiased variance
  double momentum, epsilon;

  RIDGELINE_FUNCTION void operator()(std::size_t channel) const {
    double sum = 0, count = 0;
    for (std::size_t g = 0; g < partials.groups; ++g) {
      const double n = partials.count(g);
      for (std::size_t e = 0; e < partials.entries; ++e) {
        sum += n * partials.at(g, 0, channel, e);
        count += n;
      }
    }
    const double middle = sum / count;
    double squares = 0;
    for (std::size_t g = 0; g < partials.groups; ++g) {
      const double n = partials.count(g);
      for (std::size_t e = 0; e < partials.entries; ++e) {
        const double off = partials.at(g, 0, channel, e) - middle;
        squares += partials.at(g, 1, channel, e) + n * off * off;
      }
    }
    mean[channel] = static_cast<T>(middle);
    inverse_deviation[channel] = static_cast<T>(1 / std::sqrt(squares / count + epsilon));
    // One value has no unbiased variance; its biased one, 0, stands in.
    const double unbiased = squares / (count > 1 ? count - 1 : 1);
    // A batch that overflowed leaves no trace: its step may be left out, and training go on.
    if (!std::isfinite(static_cast<T>(middle)) || !std::isfinite(static_cast<T>(unbiased))) return;
    running_mean[channel] =
        static_cast<T>((1 - momentum) * running_mean[channel] + momentum * middle);
    running_var[channel] =
        static_cast<T>((1 - momentum) * running_var[channel] + momentum * unbiased);
  }
};

/// The gradients of weight and bias from partial sums of dy and dy (x - mean).
template <class T>
struct CombineGradients {
  ChannelPartials<T> partials;
  const T* inverse_deviation;
  T* weight_gradient;
  T* bias_gradient;

  RIDGELINE_FUNCTION void operator()(std::size_t channel) const {
    double sum = 0, product = 0;
    for (std::size_t g = 0; g < partials.groups; ++g) {
      for (std::size_t e = 0; e < partials.entries; ++e) {
        sum += partials.at(g, 0, channel, e);
        product += partials.at(g, 1, channel, e);
      }
    }
    bias_gradient[channel] = static_cast<T>(sum);
    weight_gradient[channel] = static_cast<T>(product * inverse_deviation[channel]);
  }
};

}  // namespace ridgeline::kernels
