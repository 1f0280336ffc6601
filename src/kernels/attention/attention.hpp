#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// The shape of one multi-head self-attention between its projections.
struct AttentionShape {
  std::size_t batch, length, heads;
  std::size_t features;  ///< of a head: the width is heads · features
  bool causal = false;   ///< a position attends to itself and to earlier ones only

  std::size_t width() const { return heads * features; }
  std::size_t rows() const { return batch * length; }
};

/// Names of the kernels that attention launches, built once by its owner.
struct AttentionLabels {
  explicit AttentionLabels(const std::string& label)
      : attend(label),
        delta(label + "/delta"),
        queries(label + "/queries"),
        keys(label + "/keys") {}
  std::string attend, delta, queries, keys;
};

/// Computes O = softmax(Q Kᵀ / √features) V for every head of every sample. `qkv` is [batch ·
/// length, 3 · width], with Q, K and V in consecutive columns and a head's features contiguous;
/// `output` is [batch · length, width], overwritten. Nothing may alias. `log_sum` [batch, heads,
/// length], unless empty, receives log Σ e^score of every row of scores, which the gradient needs.
/// The scores are never stored in memory.
template <class Space, class T>
void attention(const Space& instance, const AttentionLabels& labels, const AttentionShape& shape,
               const Matrix<Space, const T>& qkv, const Matrix<Space, T>& output,
               const Vector<Space, T>& log_sum, const Vector<Space, T>& workspace);

/// Computes the gradient of `qkv` from dO; it is overwritten and has the shape of `qkv`. With
/// P = e^(score - log_sum), which is computed again:
///   dV = Pᵀ dO,  dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)),
///   dQ = dS K / √features,  dK = dSᵀ Q / √features.
/// Results are bitwise independent of the number of threads; a device uses no atomics.
template <class Space, class T>
void attention_gradient(const Space& instance, const AttentionLabels& labels,
                        const AttentionShape& shape, const Matrix<Space, const T>& qkv,
                        const Matrix<Space, const T>& output, const Vector<Space, const T>& log_sum,
                        const Matrix<Space, const T>& output_gradient,
                        const Matrix<Space, T>& qkv_gradient, const Vector<Space, T>& workspace);

/// Returns the scalars of workspace for `attention`; with `training`, for `attention_gradient` too.
template <class T>
std::size_t attention_workspace(bool on_device, int workers, const AttentionShape& shape,
                                bool training);

}  // namespace ridgeline::kernels
