#pragma once

#include <cstddef>

#include "core/function.hpp"

namespace ridgeline::kernels {

/// Height or width of a convolution, with source x, output y and the kernel's taps:
///   y[i] = Σ_tap w[tap] · x[i · stride + tap · dilation - padding]
struct ConvolutionAxis {
  int in = 1, kernel = 1, stride = 1, padding = 0, dilation = 1;

  /// Returns the extent that the kernel covers.
  RIDGELINE_FUNCTION constexpr int reach() const { return (kernel - 1) * dilation + 1; }
  /// Returns the size of the output, as PyTorch defines it; the kernel must not exceed the padded
  /// input.
  RIDGELINE_FUNCTION constexpr int out() const { return (in + 2 * padding - reach()) / stride + 1; }
};

/// A two-dimensional convolution of images [batch, channels, height, width] with weights [filters,
/// channels / groups, kernel height, kernel width]. Channels and filters are divided into groups,
/// and a group's filters read only its channels.
struct ConvolutionShape {
  int batch = 1, channels = 1, filters = 1, groups = 1;
  ConvolutionAxis height, width;

  constexpr int group_channels() const { return channels / groups; }
  constexpr int group_filters() const { return filters / groups; }
  constexpr int taps() const { return height.kernel * width.kernel; }
  constexpr int in_pixels() const { return height.in * width.in; }
  constexpr int out_pixels() const { return height.out() * width.out(); }
  constexpr std::size_t weights() const {
    return std::size_t(filters) * std::size_t(group_channels()) * std::size_t(taps());
  }
  /// Returns the FLOPs: 2 per multiply-add, including those with padding.
  constexpr double flops() const { return 2.0 * batch * out_pixels() * double(weights()); }
};

}  // namespace ridgeline::kernels
