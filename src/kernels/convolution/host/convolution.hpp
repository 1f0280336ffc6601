#pragma once

#include <cstddef>

#include "kernels/convolution/host/window.hpp"
#include "kernels/convolution/shape.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels::host {

// The host's convolutions, divided into blocks that may run in any order and on any thread. A block
// copies the part of an image that it needs, padded with zeros, into scratch memory of its worker
// (window.hpp). There, the inputs of consecutive outputs under a tap are contiguous, so the
// register tiles read them in place and nothing is expanded or packed. The division into blocks
// depends on the shape alone, and so do the results. Pure C++ (GNU vector extensions).

// clang-format off
/// Forward and input gradient: every output is a sum over source channels and taps.
///   forward          y[f, i]  = act(Σ_{c, tap} w[f, c, tap] · x[c, i · stride + tap · dilation - padding] + b[f])
///   input gradient   dx[c, i] = Σ_{f, tap} w[f, c, tap] · dz[f, (i + padding - tap · dilation) / stride]
/// where the quotient is an integer. With a stride, the outputs are divided into stride² parts,
/// each with the taps whose quotient is an integer there: a part is a correlation with stride 1.
// clang-format on
struct CorrelationPlan {
  ConvolutionShape shape;
  bool transposed;  ///< true for the input gradient
  Window window;
  int sources, outputs;  ///< channels per group
  int chunks;            ///< blocks that share a band; each computes some of the outputs
};

template <class T>
struct Correlation {
  CorrelationPlan plan;
  const T* source;          ///< x or dy
  const T* kept = nullptr;  ///< dy is multiplied by derivative(kept) if not null
  Activation derivative = Activation::identity;
  const T* weight = nullptr;
  const T* bias = nullptr;  ///< [filters]; may be null
  Activation activation = Activation::identity;
  T* pre_activation = nullptr;  ///< shaped as output; may be null
  T* output = nullptr;
  T* packed = nullptr;   ///< packed_size scalars
  T* scratch = nullptr;  ///< scratch_size scalars per worker

  int pack_blocks() const;
  int blocks() const;
  /// Packs a block of the weights, and the table of the taps; all blocks must be packed before the
  /// first `run`.
  void pack(int block) const;
  void run(int block, int worker) const;
};

CorrelationPlan plan_correlation(const ConvolutionShape& shape, bool transposed,
                                 std::size_t scalar_bytes);
template <class T>
std::size_t packed_size(const CorrelationPlan& plan);
template <class T>
std::size_t scratch_size(const CorrelationPlan& plan);

/// Computes the gradients of weights and bias, from dz = dy ∘ derivative(kept):
///   dw[f, c, tap] = Σ_{image, i} dz[f, i] · x[c, i · stride + tap · dilation - padding],
///   db[f] = Σ_{image, i} dz[f, i]
/// Vectors run along the pixels. A block computes some filters and channels over some of the
/// images; its sum is stored in `partial`, and partial sums are added in the order of the images.
struct WeightGradientPlan {
  ConvolutionShape shape;
  Window window;
  int images;        ///< images that scratch memory holds at a time
  int image_groups;  ///< each has a partial sum
  int channel_chunks, filter_chunks;
  int block_channels, block_filters;  ///< maximum of a chunk
  int line;  ///< scalars per filter of a band's dz, padded to whole vectors
};

template <class T>
struct WeightGradient {
  WeightGradientPlan plan;
  const T* x;
  const T* dy;
  const T* kept = nullptr;
  Activation derivative = Activation::identity;
  T* dw;
  T* db = nullptr;       ///< may be null
  T* partial = nullptr;  ///< partial_size scalars
  T* scratch = nullptr;

  int blocks() const;
  void run(int block, int worker) const;
  int reduce_blocks() const;  ///< 0 if there are no partial sums to add
  void reduce(int block) const;
};

WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, std::size_t scalar_bytes);
std::size_t partial_size(const WeightGradientPlan& plan);
template <class T>
std::size_t scratch_size(const WeightGradientPlan& plan);

}  // namespace ridgeline::kernels::host
