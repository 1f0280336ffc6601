#include "kernels/attention/attention.hpp"

#include <algorithm>

#include "kernels/attention/device/attention.hpp"
#include "kernels/attention/host/attention.hpp"

namespace ridgeline::kernels {
namespace {

template <class T>
host::Attention<T> host_attention(const AttentionShape& shape) {
  host::Attention<T> attention{};
  attention.batch = static_cast<int>(shape.batch);
  attention.length = static_cast<int>(shape.length);
  attention.heads = static_cast<int>(shape.heads);
  attention.features = static_cast<int>(shape.features);
  attention.causal = shape.causal;
  return attention;
}

// Returns the cost of `products` products [length, length, features] per head.
template <class T>
Cost cost_of(const AttentionShape& shape, int products, int passes) {
  const double scores = double(shape.length) * shape.length * (shape.causal ? 0.5 : 1);
  return {scores * shape.batch * (2.0 * products * shape.width() + 20.0 * shape.heads),
          double(sizeof(T)) * passes * shape.rows() * shape.width()};
}

template <class T>
std::size_t forward_scratch(const AttentionShape& shape) {
  return aligned_size<T>(host::attention_forward_scratch<T>(static_cast<int>(shape.features)));
}
template <class T>
std::size_t backward_scratch(const AttentionShape& shape) {
  return aligned_size<T>(host::attention_backward_scratch<T>(static_cast<int>(shape.length),
                                                             static_cast<int>(shape.features)));
}

}  // namespace

template <class T>
std::size_t attention_workspace(bool on_device, int workers, const AttentionShape& shape,
                                bool training) {
  if (on_device) return training ? shape.rows() * shape.heads : 0;  // delta
  const std::size_t forward = forward_scratch<T>(shape);
  return workers * (training ? std::max(forward, backward_scratch<T>(shape)) : forward);
}

template <class Space, class T>
void attention(const Space& instance, const AttentionLabels& labels, const AttentionShape& shape,
               const Matrix<Space, const T>& qkv, const Matrix<Space, T>& output,
               const Vector<Space, T>& log_sum, const Vector<Space, T>& workspace) {
  if constexpr (kIsHost<Space>) {
    host::Attention<T> heads = host_attention<T>(shape);
    heads.qkv = qkv.data();
    heads.output = output.data();
    heads.log_sum = data_or_null(log_sum);  // the data of an empty view need not be null
    const std::size_t scratch = forward_scratch<T>(shape);
    T* pool = workspace.data();
    for_blocks(instance, labels.attend, heads.forward_blocks(), cost_of<T>(shape, 2, 4),
               [&](int block, int worker) { heads.forward(block, pool + worker * scratch); });
  } else {
    with_attention_sizes<T, true>(shape, [&](auto sizes) {
      launch_attention<DeviceAttention<Space, T, decltype(sizes)>>(instance, labels, shape, qkv,
                                                                   output, log_sum);
    });
  }
}

template <class Space, class T>
void attention_gradient(const Space& instance, const AttentionLabels& labels,
                        const AttentionShape& shape, const Matrix<Space, const T>& qkv,
                        const Matrix<Space, const T>& output, const Vector<Space, const T>& log_sum,
                        const Matrix<Space, const T>& output_gradient,
                        const Matrix<Space, T>& qkv_gradient, const Vector<Space, T>& workspace) {
  if constexpr (kIsHost<Space>) {
    host::Attention<T> heads = host_attention<T>(shape);
    heads.qkv = qkv.data();
    heads.kept_output = output.data();
    heads.kept_log_sum = log_sum.data();
    heads.output_gradient = output_gradient.data();
    heads.qkv_gradient = qkv_gradient.data();
    const std::size_t scratch = backward_scratch<T>(shape);
    T* pool = workspace.data();
    for_blocks(instance, labels.attend, heads.backward_blocks(), cost_of<T>(shape, 5, 8),
               [&](int block, int worker) { heads.backward(block, pool + worker * scratch); });
  } else {
    with_attention_sizes<T, false>(shape, [&](auto sizes) {
      launch_attention_gradient<DeviceAttention<Space, T, decltype(sizes)>>(
          instance, labels, shape, qkv, output, log_sum, output_gradient, qkv_gradient, workspace);
    });
  }
}

template std::size_t attention_workspace<float>(bool, int, const AttentionShape&, bool);
template std::size_t attention_workspace<double>(bool, int, const AttentionShape&, bool);
#define RIDGELINE_ATTENTION(Space, T)                                                              \
  template void attention<Space, T>(const Space&, const AttentionLabels&, const AttentionShape&,   \
                                    const Matrix<Space, const T>&, const Matrix<Space, T>&,        \
                                    const Vector<Space, T>&, const Vector<Space, T>&);             \
  template void attention_gradient<Space, T>(                                                      \
      const Space&, const AttentionLabels&, const AttentionShape&, const Matrix<Space, const T>&,  \
      const Matrix<Space, const T>&, const Vector<Space, const T>&, const Matrix<Space, const T>&, \
      const Matrix<Space, T>&, const Vector<Space, T>&);
RIDGELINE_FOR_SPACES(RIDGELINE_ATTENTION)

}  // namespace ridgeline::kernels
