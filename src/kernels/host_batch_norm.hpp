#pragma once

#include <cstddef>

#include "kernels/channels.hpp"

namespace ridgeline::kernels::host {

// Batch normalisation on a host, in blocks that a caller runs in any order and on any thread. Where
// a channel's values lie together by at least a vector (an image), a block has some channels of a
// group of images and takes plane after plane as memory has them; elsewhere every position of a row
// is an entry of its own, and vectors run along the row. Pure C++ (GNU vector extensions).

/// How a host cuts a shape.
template <class T>
ChannelCut batch_norm_cut(const ChannelShape& shape);

template <class T>
struct BatchNorm {
  ChannelShape shape;
  ChannelCut cut;
  const T* x;
  const T* dy = nullptr;
  T* out = nullptr;  ///< y of `normalise`, dx of `input_gradient`
  const T* weight = nullptr;
  const T* bias = nullptr;
  const T* mean = nullptr;
  const T* inverse_deviation = nullptr;  ///< or null: it comes from `variance` and `epsilon`
  const T* variance = nullptr;
  double epsilon = 0;
  const T* weight_gradient = nullptr;
  const T* bias_gradient = nullptr;
  T* partials = nullptr;  ///< [groups, 2, channels · entries]

  int blocks() const { return static_cast<int>(cut.groups * cut.chunks); }
  /// Partial means, and sums of squared deviations from them.
  void statistics(int block) const;
  /// y = (x - mean) / deviation · weight + bias.
  void normalise(int block) const;
  /// Partial sums of dy and of dy (x - mean).
  void gradient_sums(int block) const;
  /// dx = weight / deviation · (dy - mean(dy) - xhat · mean(dy xhat)).
  void input_gradient(int block) const;
};

}  // namespace ridgeline::kernels::host
