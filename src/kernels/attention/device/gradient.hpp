#pragma once

#include "kernels/attention/device/attention.hpp"

namespace ridgeline::kernels {

/// Backward of attention. One kernel has one team per tile of keys, which walks over the queries
/// and sums dK and dV in registers; another one team per tile of queries, which walks over the keys
/// and sums dQ. Both compute the probabilities again from the scores and their log sums. So every
/// sum has one owner and one order, without atomics, for two more products than a single pass has.
template <class Space, class T, int Tile, int Chunk, int Slice, int ThreadRows, int ThreadColumns>
struct DeviceAttentionGradient
    : DeviceAttentionTile<Space, T, Tile, Chunk, Slice, ThreadRows, ThreadColumns> {
  using Base = DeviceAttentionTile<Space, T, Tile, Chunk, Slice, ThreadRows, ThreadColumns>;
  using Base::kColumns;
  using Base::kFeatures;
  using Base::kRows;
  using Base::kStride;
  using Base::kTeam;
  using typename Base::Member;
  using typename Base::Place;

  static constexpr std::size_t kScratch = Base::kOperands + Base::kScores;

  struct OfKeys {};
  struct OfQueries {};

  const T* log_sum;
  const T* delta;
  const T* output_gradient;
  T* qkv_gradient;

  DeviceAttentionGradient(const AttentionShape& shape, const T* qkv, const T* l, const T* d,
                          const T* gradient, T* to)
      : Base(shape, qkv), log_sum(l), delta(d), output_gradient(gradient), qkv_gradient(to) {}

  template <class Which>
  void launch(const Space& instance, const std::string& label, const AttentionShape& shape) const {
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Kokkos::TeamPolicy<Space, Which, Kokkos::LaunchBounds<kTeam, 1>>(
                             instance, Base::league(shape), kTeam)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(kScratch))),
                         *this);
  }

  // The tile's probabilities P and score gradients dS = P ∘ (dP - delta), in registers.
  KOKKOS_FUNCTION void score_gradients(const Member& team, const Place& p, int q0, int k0,
                                       T* operands, T (&probability)[kRows][kColumns],
                                       T (&score_gradient)[kRows][kColumns]) const {
    const std::size_t width = p.output_stride;
    const int queries = Base::at_most_tile(this->length - q0);
    const int keys = Base::at_most_tile(this->length - k0);
    const T* head = this->qkv + p.in_qkv;
    this->dots(team, p, head + q0 * p.qkv_stride, p.qkv_stride, queries,
               head + k0 * p.qkv_stride + width, p.qkv_stride, keys, operands, probability);
    this->dots(team, p, output_gradient + p.in_output + q0 * width, width, queries,
               head + k0 * p.qkv_stride + 2 * width, p.qkv_stride, keys, operands, score_gradient);
    for (int i = 0; i < kRows; ++i) {
      const int query = q0 + p.row + i * ThreadRows;
      const bool real = query < this->length;
      const T log = real ? log_sum[p.in_sums + query] : T(0);
      const T mean = real ? delta[p.in_sums + query] : T(0);
      for (int j = 0; j < kColumns; ++j) {
        const bool seen = real && this->sees(query, k0 + p.column + j * ThreadColumns);
        probability[i][j] = seen ? math::exp(this->scale * probability[i][j] - log) : T(0);
        score_gradient[i][j] = probability[i][j] * (score_gradient[i][j] - mean);
      }
    }
  }

  KOKKOS_FUNCTION static void put(const Member& team, const Place& p,
                                  const T (&tile)[kRows][kColumns], T* scores) {
    team.team_barrier();
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        scores[(p.row + i * ThreadRows) * kStride + p.column + j * ThreadColumns] = tile[i][j];
      }
    }
  }

  KOKKOS_FUNCTION void operator()(const OfKeys&, const Member& team) const {
    const Place p = this->place(team);
    T* operands = team_scratch<T>(team, kScratch);
    T* scores = operands + Base::kOperands;
    T keys_sum[kRows][kFeatures], values_sum[kRows][kFeatures];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kFeatures; ++j) keys_sum[i][j] = values_sum[i][j] = T(0);
    }
    const std::size_t width = p.output_stride;
    // A causal tile of keys is seen from its own queries on.
    for (int q0 = this->causal ? p.first : 0; q0 < this->length; q0 += Tile) {
      const int queries = Base::at_most_tile(this->length - q0);
      T probability[kRows][kColumns], score_gradient[kRows][kColumns];
      score_gradients(team, p, q0, p.first, operands, probability, score_gradient);
      put(team, p, probability, scores);
      this->template add_product<true>(team, p, scores, output_gradient + p.in_output + q0 * width,
                                       width, queries, operands, values_sum);
      put(team, p, score_gradient, scores);
      this->template add_product<true>(team, p, scores, this->qkv + p.in_qkv + q0 * p.qkv_stride,
                                       p.qkv_stride, queries, operands, keys_sum);
    }
    const int keys = Base::at_most_tile(this->length - p.first);
    T* to = qkv_gradient + p.in_qkv + p.first * p.qkv_stride + width;
    Base::write(p, keys_sum, keys, this->scale, p.qkv_stride, to);
    Base::write(p, values_sum, keys, T(1), p.qkv_stride, to + width);
  }

  KOKKOS_FUNCTION void operator()(const OfQueries&, const Member& team) const {
    const Place p = this->place(team);
    T* operands = team_scratch<T>(team, kScratch);
    T* scores = operands + Base::kOperands;
    T sum[kRows][kFeatures];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kFeatures; ++j) sum[i][j] = T(0);
    }
    const int seen = this->keys_seen(p.first);
    for (int k0 = 0; k0 < seen; k0 += Tile) {
      T probability[kRows][kColumns], score_gradient[kRows][kColumns];
      score_gradients(team, p, p.first, k0, operands, probability, score_gradient);
      put(team, p, score_gradient, scores);
      this->template add_product<false>(
          team, p, scores, this->qkv + p.in_qkv + p.output_stride + k0 * p.qkv_stride, p.qkv_stride,
          Base::at_most_tile(this->length - k0), operands, sum);
    }
    Base::write(p, sum, Base::at_most_tile(this->length - p.first), this->scale, p.qkv_stride,
                qkv_gradient + p.in_qkv + p.first * p.qkv_stride);
  }
};

/// delta[sample, head, position] = the sum over a head's features of O ∘ dO.
template <class T>
struct DeviceAttentionDelta {
  std::size_t length, heads, features;
  const T* output;
  const T* gradient;
  T* delta;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t position = i % length, pair = i / length;
    const std::size_t sample = pair / heads, head = pair % heads;
    const std::size_t at = ((sample * length + position) * heads + head) * features;
    T sum = T(0);
    for (std::size_t f = 0; f < features; ++f) sum += output[at + f] * gradient[at + f];
    delta[i] = sum;
  }
};

/// All three kernels, with one size of tile. `delta` holds [batch, heads, length] scalars.
template <class Kernel, class Space, class T>
void launch_attention_gradient(const Space& instance, const AttentionLabels& labels,
                               const AttentionShape& shape, const T* qkv, const T* output,
                               const T* log_sum, const T* gradient, T* qkv_gradient, T* delta) {
  const std::size_t length = shape.length, heads = shape.heads, features = shape.features;
  const std::size_t size = shape.batch * length * heads;
  const double cost = double(size) * features;
  for_elements(instance, labels.delta, size, {2 * cost, 2 * sizeof(T) * cost},
               DeviceAttentionDelta<T>{length, heads, features, output, gradient, delta});
  const Kernel kernel(shape, qkv, log_sum, delta, gradient, qkv_gradient);
  kernel.template launch<typename Kernel::OfKeys>(instance, labels.keys, shape);
  kernel.template launch<typename Kernel::OfQueries>(instance, labels.queries, shape);
}

template <class Space, class T>
void device_attention_gradient(const Space& instance, const AttentionLabels& labels,
                               const AttentionShape& shape, const T* qkv, const T* output,
                               const T* log_sum, const T* gradient, T* qkv_gradient, T* delta) {
  with_device_tile<T>(shape, [&](auto tile) {
    using Sizes = decltype(tile);
    constexpr int kThreads = Sizes::kTile == 64 ? 16 : 8;
    using Kernel =
        DeviceAttentionGradient<Space, T, Sizes::kTile, Sizes::kChunk, 32, kThreads, kThreads>;
    launch_attention_gradient<Kernel>(instance, labels, shape, qkv, output, log_sum, gradient,
                                      qkv_gradient, delta);
  });
}

}  // namespace ridgeline::kernels
