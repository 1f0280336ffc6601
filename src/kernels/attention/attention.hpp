#pragma once

#include <cstddef>
#include <string>

#include "core/views.hpp"

namespace ridgeline::kernels {

/// The shape of one multi-head self-attention between its projections.
struct AttentionShape {
  std::size_t batch, length, heads;
  std::size_t features;  ///< of a head: the width is heads · features
  bool causal = false;   ///< a position attends to itself and what came before

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

/// O = softmax(Q Kᵀ / √features) V for every head of every sample. `qkv` is [batch · length, 3 ·
/// width] with Q, K and V side by side and a head's features next to each other, `output` [batch ·
/// length, width]; overwritten, no aliases. `log_sum` [batch, heads, length], or empty, gets log Σ
/// e^score of every row of scores, which backward needs. The scores themselves are never in memory.
template <class Space, class T>
void attention(const Space& instance, const AttentionLabels& labels, const AttentionShape& shape,
               const Matrix<Space, const T>& qkv, const Matrix<Space, T>& output,
               const Vector<Space, T>& log_sum, const Vector<Space, T>& workspace);

/// From dO the gradient of `qkv`, overwritten, shaped as it: with P = e^(score - log_sum) computed
/// again, dV = Pᵀ dO, dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)), dQ = dS K / √features, dK = dSᵀ Q /
/// √features. The same bits for any number of threads; no atomics on a device.
template <class Space, class T>
void attention_gradient(const Space& instance, const AttentionLabels& labels,
                        const AttentionShape& shape, const Matrix<Space, const T>& qkv,
                        const Matrix<Space, const T>& output, const Vector<Space, const T>& log_sum,
                        const Matrix<Space, const T>& output_gradient,
                        const Matrix<Space, T>& qkv_gradient, const Vector<Space, T>& workspace);

/// Scalars of workspace for `attention`, and with `training` for `attention_gradient` too.
template <class T>
std::size_t attention_workspace(bool on_device, int workers, const AttentionShape& shape,
                                bool training);

}  // namespace ridgeline::kernels
