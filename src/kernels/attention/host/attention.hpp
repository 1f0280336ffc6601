#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// The host's self-attention between its projections, cut into blocks that a caller runs in any
// order and on any thread. After FlashAttention (Dao et al., 2022): scores exist as one tile at a
// time in a worker's scratch memory, and softmax is computed online. A tile holds the scores
// transposed, [keys, queries]: queries lie in the lanes of vectors, so that maxima, sums and
// exponentials need nothing across lanes, while keys and values are broadcast from where they are
// packed. Pure C++ (GNU vector extensions), compiled by the host compiler even where Kokkos's
// compiler is nvcc.

/// One attention over packed queries, keys and values; see kernels/attention/attention.hpp for
/// shapes.
template <class T>
struct Attention {
  int batch, length, heads, features;  ///< `features` of a head
  bool causal;
  const T* qkv;
  T* output;             ///< written by forward
  T* log_sum;            ///< the same, or null
  const T* kept_output;  ///< what forward wrote, for backward
  const T* kept_log_sum;
  const T* output_gradient;
  T* qkv_gradient;  ///< written by backward

  /// Blocks are some queries of one head of one sample.
  int forward_blocks() const;
  void forward(int block, T* scratch) const;
  /// Blocks are one head of one sample.
  int backward_blocks() const { return batch * heads; }
  void backward(int block, T* scratch) const;
};

/// Scalars of scratch memory of one worker.
template <class T>
std::size_t attention_forward_scratch(int features);
template <class T>
std::size_t attention_backward_scratch(int length, int features);

}  // namespace ridgeline::kernels::host
