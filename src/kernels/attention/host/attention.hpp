#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// The host's self-attention between its projections, divided into blocks that may run in any order
// and on any thread. After FlashAttention (Dao et al., 2022): only one tile of scores at a time
// exists, in a worker's scratch memory, and the softmax is computed online. A tile holds the scores
// transposed, [keys, queries]: queries are the lanes of vectors, so that maxima, sums and
// exponentials need no operations across lanes, while packed keys and values are broadcast. Pure
// C++ (GNU vector extensions), compiled by the host compiler even if Kokkos's compiler is nvcc.

/// One attention over packed queries, keys and values. Shapes: kernels/attention/attention.hpp.
template <class T>
struct Attention {
  int batch, length, heads, features;  ///< `features` of a head
  bool causal;
  const T* qkv;
  T* output;             ///< written by forward
  T* log_sum;            ///< written by forward; may be null
  const T* kept_output;  ///< written by forward, read by backward
  const T* kept_log_sum;
  const T* output_gradient;
  T* qkv_gradient;  ///< written by backward

  /// Runs one block: some queries of one head of one sample.
  int forward_blocks() const;
  void forward(int block, T* scratch) const;
  /// Runs one block: one head of one sample.
  int backward_blocks() const { return batch * heads; }
  void backward(int block, T* scratch) const;
};

/// Returns the scalars of scratch memory of one worker.
template <class T>
std::size_t attention_forward_scratch(int features);
template <class T>
std::size_t attention_backward_scratch(int length, int features);

}  // namespace ridgeline::kernels::host
