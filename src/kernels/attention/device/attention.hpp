#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "core/launch.hpp"
#include "core/math.hpp"
#include "kernels/attention/device/tile.hpp"

namespace ridgeline::kernels {

/// The device's attention kernels; each defines the matrices that it uses.
///
/// Forward: one team per tile of queries, which loops over the keys with an online softmax
/// (FlashAttention, Dao et al., 2022). Row maxima and sums are in scratch, the output is in
/// registers.
///
/// Backward: OfKeys has one team per tile of keys, which loops over the queries and sums dK and dV
/// in registers; OfQueries has one team per tile of queries, which loops over the keys and sums dQ.
/// Both compute the probabilities again from the scores and their log sums. So every sum is
/// computed by one team in one order, without atomics, at the cost of two more products than a
/// single pass.
template <class Space, class T, class Sizes>
struct DeviceAttention : DeviceAttentionTile<Space, T, Sizes> {
  using Base = DeviceAttentionTile<Space, T, Sizes>;
  using Base::at_most_tile, Base::write, Base::causal, Base::length, Base::qkv, Base::scale;
  using Base::kColumns, Base::kFeatures, Base::kOperands, Base::kRows, Base::kScores;
  using Base::kStride, Base::kTeam, Base::kThreadColumns, Base::kThreadRows, Base::kTile;
  using typename Base::Member, typename Base::Place;

  // Number of threads that share a row of scores while its maximum and sum are computed.
  static constexpr int kParts = kTeam >= 2 * kTile ? kTeam / kTile : 1;
  static constexpr int kItems = kTile * kParts;
  static constexpr std::size_t kGradientScratch = kOperands + kScores;
  // Maxima and sums of parts, then of rows: maximum, next maximum, total, factor.
  static constexpr std::size_t kForwardScratch = kGradientScratch + 2 * kItems + 4 * kTile;

  struct Forward {};
  struct OfKeys {};
  struct OfQueries {};

  T* output = nullptr;              ///< written by Forward
  T* log_sum = nullptr;             ///< written by Forward; may be null
  const T* kept_log_sum = nullptr;  ///< written by Forward
  const T* delta = nullptr;         ///< [batch, heads, length]
  const T* output_gradient = nullptr;
  T* qkv_gradient = nullptr;  ///< written by OfKeys and OfQueries

  using Base::Base;

  template <class Which>
  void launch(const Space& instance, const std::string& label, const AttentionShape& shape) const {
    constexpr std::size_t kScratch =
        std::is_same_v<Which, Forward> ? kForwardScratch : kGradientScratch;
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Kokkos::TeamPolicy<Space, Which, Kokkos::LaunchBounds<kTeam, 1>>(
                             instance, Base::league(shape), kTeam)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(kScratch))),
                         *this);
  }

  // Replaces scores by e^(score - maximum so far). Stores in `factor` what each row's earlier sums
  // must be multiplied by, and the row's new total in `total`.
  KOKKOS_FUNCTION void softmax(const Member& team, T* scores, T* part_most, T* part_sum, T* largest,
                               T* next, T* total, T* factor) const {
    constexpr int kPart = (kTile + kParts - 1) / kParts;
    for (int item = team.team_rank(); item < kItems; item += kTeam) {
      const T* row = scores + item / kParts * kStride;
      const int begin = item % kParts * kPart, end = begin + kPart < kTile ? begin + kPart : kTile;
      T most = row[begin];
      for (int k = begin + 1; k < end; ++k) most = row[k] > most ? row[k] : most;
      part_most[item] = most;
    }
    team.team_barrier();
    for (int item = team.team_rank(); item < kItems; item += kTeam) {
      const int r = item / kParts;
      T* row = scores + r * kStride;
      const int begin = item % kParts * kPart, end = begin + kPart < kTile ? begin + kPart : kTile;
      T most = largest[r];
      for (int part = 0; part < kParts; ++part) {
        const T other = part_most[r * kParts + part];
        most = other > most ? other : most;
      }
      T sum = T(0);
      for (int k = begin; k < end; ++k) {
        const T e = math::exp(row[k] - most);
        row[k] = e;
        sum += e;
      }
      part_sum[item] = sum;
      if (item % kParts == 0) {
        factor[r] = math::exp(largest[r] - most);
        next[r] = most;
      }
    }
    team.team_barrier();
    for (int r = team.team_rank(); r < kTile; r += kTeam) {
      T sum = total[r] * factor[r];
      for (int part = 0; part < kParts; ++part) sum += part_sum[r * kParts + part];
      total[r] = sum;
      largest[r] = next[r];
    }
  }

  KOKKOS_FUNCTION void operator()(const Forward&, const Member& team) const {
    constexpr T kHidden = -std::numeric_limits<T>::infinity();
    const Place p = Base::place(team);
    T* operands = team_scratch<T>(team, kForwardScratch);
    T* scores = operands + kOperands;
    T* part_most = scores + kScores;
    T* part_sum = part_most + kItems;
    T* largest = part_sum + kItems;
    T* next = largest + kTile;
    T* total = next + kTile;
    T* factor = total + kTile;
    for (int r = p.thread; r < kTile; r += kTeam) {
      largest[r] = kHidden;
      total[r] = T(0);
    }
    T sum[kRows][kFeatures];
    Base::clear(sum);
    const std::size_t width = p.output_stride;
    const T* q = qkv + p.in_qkv + p.first * p.qkv_stride;
    const T* k = qkv + p.in_qkv + width;
    const T* v = k + width;
    const int queries = at_most_tile(length - p.first);
    const int keys = Base::keys_seen(p.first);
    for (int k0 = 0; k0 < keys; k0 += kTile) {
      const int tile = at_most_tile(length - k0);
      T dot[kRows][kColumns];
      Base::dots(team, p, q, p.qkv_stride, queries, k + k0 * p.qkv_stride, p.qkv_stride, tile,
                 operands, dot);
      for (int i = 0; i < kRows; ++i) {
        const int row = p.row + i * kThreadRows;
        for (int j = 0; j < kColumns; ++j) {
          const int column = p.column + j * kThreadColumns;
          scores[row * kStride + column] =
              Base::sees(p.first + row, k0 + column) ? scale * dot[i][j] : kHidden;
        }
      }
      team.team_barrier();
      softmax(team, scores, part_most, part_sum, largest, next, total, factor);
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < kFeatures; ++j) sum[i][j] *= factor[p.row + i * kThreadRows];
      }
      Base::template add_product<false>(team, p, scores, v + k0 * p.qkv_stride, p.qkv_stride, tile,
                                        operands, sum);
    }
    team.team_barrier();
    for (int i = 0; i < kRows; ++i) {
      const T inverse = T(1) / total[p.row + i * kThreadRows];
      for (int j = 0; j < kFeatures; ++j) sum[i][j] *= inverse;
    }
    write(p, sum, queries, T(1), width, output + p.in_output + p.first * width);
    if (log_sum && p.chunk == 0) {
      for (int r = p.thread; r < queries; r += kTeam) {
        log_sum[p.in_sums + p.first + r] = largest[r] + std::log(total[r]);
      }
    }
  }

  // Computes the tile's probabilities P and score gradients dS = P ∘ (dP - delta), in registers.
  KOKKOS_FUNCTION void score_gradients(const Member& team, const Place& p, int q0, int k0,
                                       T* operands, T (&probability)[kRows][kColumns],
                                       T (&score_gradient)[kRows][kColumns]) const {
    const std::size_t width = p.output_stride;
    const int queries = at_most_tile(length - q0);
    const int keys = at_most_tile(length - k0);
    const T* head = qkv + p.in_qkv;
    Base::dots(team, p, head + q0 * p.qkv_stride, p.qkv_stride, queries,
               head + k0 * p.qkv_stride + width, p.qkv_stride, keys, operands, probability);
    Base::dots(team, p, output_gradient + p.in_output + q0 * width, width, queries,
               head + k0 * p.qkv_stride + 2 * width, p.qkv_stride, keys, operands, score_gradient);
    for (int i = 0; i < kRows; ++i) {
      const int query = q0 + p.row + i * kThreadRows;
      const bool real = query < length;
      const T log = real ? kept_log_sum[p.in_sums + query] : T(0);
      const T mean = real ? delta[p.in_sums + query] : T(0);
      for (int j = 0; j < kColumns; ++j) {
        const bool seen = real && Base::sees(query, k0 + p.column + j * kThreadColumns);
        probability[i][j] = seen ? math::exp(scale * probability[i][j] - log) : T(0);
        score_gradient[i][j] = probability[i][j] * (score_gradient[i][j] - mean);
      }
    }
  }

  KOKKOS_FUNCTION static void put(const Member& team, const Place& p,
                                  const T (&tile)[kRows][kColumns], T* scores) {
    team.team_barrier();
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) {
        scores[(p.row + i * kThreadRows) * kStride + p.column + j * kThreadColumns] = tile[i][j];
      }
    }
  }

  KOKKOS_FUNCTION void operator()(const OfKeys&, const Member& team) const {
    const Place p = Base::place(team);
    T* operands = team_scratch<T>(team, kGradientScratch);
    T* scores = operands + kOperands;
    T keys_sum[kRows][kFeatures], values_sum[kRows][kFeatures];
    Base::clear(keys_sum);
    Base::clear(values_sum);
    const std::size_t width = p.output_stride;
    // With a causal mask, the first queries that attend to a tile of keys are those at the same
    // positions.
    for (int q0 = causal ? p.first : 0; q0 < length; q0 += kTile) {
      const int queries = at_most_tile(length - q0);
      T probability[kRows][kColumns], score_gradient[kRows][kColumns];
      score_gradients(team, p, q0, p.first, operands, probability, score_gradient);
      put(team, p, probability, scores);
      Base::template add_product<true>(team, p, scores, output_gradient + p.in_output + q0 * width,
                                       width, queries, operands, values_sum);
      put(team, p, score_gradient, scores);
      Base::template add_product<true>(team, p, scores, qkv + p.in_qkv + q0 * p.qkv_stride,
                                       p.qkv_stride, queries, operands, keys_sum);
    }
    const int keys = at_most_tile(length - p.first);
    T* to = qkv_gradient + p.in_qkv + p.first * p.qkv_stride + width;
    write(p, keys_sum, keys, scale, p.qkv_stride, to);
    write(p, values_sum, keys, T(1), p.qkv_stride, to + width);
  }

  KOKKOS_FUNCTION void operator()(const OfQueries&, const Member& team) const {
    const Place p = Base::place(team);
    T* operands = team_scratch<T>(team, kGradientScratch);
    T* scores = operands + kOperands;
    T sum[kRows][kFeatures];
    Base::clear(sum);
    const int seen = Base::keys_seen(p.first);
    for (int k0 = 0; k0 < seen; k0 += kTile) {
      T probability[kRows][kColumns], score_gradient[kRows][kColumns];
      score_gradients(team, p, p.first, k0, operands, probability, score_gradient);
      put(team, p, score_gradient, scores);
      Base::template add_product<false>(team, p, scores,
                                        qkv + p.in_qkv + p.output_stride + k0 * p.qkv_stride,
                                        p.qkv_stride, at_most_tile(length - k0), operands, sum);
    }
    write(p, sum, at_most_tile(length - p.first), scale, p.qkv_stride,
          qkv_gradient + p.in_qkv + p.first * p.qkv_stride);
  }
};

/// Computes delta[sample, head, position], the sum over a head's features of O ∘ dO.
template <class Memory, class T>
struct DeviceAttentionDelta {
  std::size_t length, heads, features;
  Vector<Memory, const T> output, gradient;
  Vector<Memory, T> delta;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t position = i % length, pair = i / length;
    const std::size_t sample = pair / heads, head = pair % heads;
    const std::size_t at = ((sample * length + position) * heads + head) * features;
    T sum = T(0);
    for (std::size_t f = 0; f < features; ++f) sum += output(at + f) * gradient(at + f);
    delta(i) = sum;
  }
};

/// Calls `body(AttentionSizes)` with the sizes for this shape: large tiles read keys and values
/// less often, small tiles give more teams. A large tile has half as many threads forward as
/// backward.
template <class T, bool Forward, class Body>
void with_attention_sizes(const AttentionShape& shape, const Body& body) {
  const bool narrow = shape.features <= 32;
  if constexpr (sizeof(T) == sizeof(float)) {
    constexpr int kRows = Forward ? 8 : 16;
    const std::size_t teams = (shape.length + 63) / 64 * shape.batch * shape.heads;
    if (teams >= std::size_t(teams_to_fill())) {
      return narrow ? body(AttentionSizes<64, 32, 32, kRows, 16>())
                    : body(AttentionSizes<64, 64, 32, kRows, 16>());
    }
  }
  return narrow ? body(AttentionSizes<32, 32, 32, 8, 8>())
                : body(AttentionSizes<32, 64, 32, 8, 8>());
}

template <class Kernel, class Space, class T>
void launch_attention(const Space& instance, const AttentionLabels& labels,
                      const AttentionShape& shape, const Matrix<Space, const T>& qkv,
                      const Matrix<Space, T>& output, const Vector<Space, T>& log_sum) {
  Kernel kernel(shape, qkv.data());
  kernel.output = output.data();
  kernel.log_sum = data_or_null(log_sum);
  kernel.template launch<typename Kernel::Forward>(instance, labels.attend, shape);
}

/// Launches all three kernels of a backward pass. `delta` holds [batch, heads, length] scalars.
template <class Kernel, class Space, class T>
void launch_attention_gradient(const Space& instance, const AttentionLabels& labels,
                               const AttentionShape& shape, const Matrix<Space, const T>& qkv,
                               const Matrix<Space, const T>& output,
                               const Vector<Space, const T>& log_sum,
                               const Matrix<Space, const T>& output_gradient,
                               const Matrix<Space, T>& qkv_gradient,
                               const Vector<Space, T>& delta) {
  const std::size_t size = shape.batch * shape.length * shape.heads;
  const double cost = double(size) * shape.features;
  for_elements(instance, labels.delta, size, {2 * cost, 2 * sizeof(T) * cost},
               DeviceAttentionDelta<MemoryOf<Space>, T>{shape.length, shape.heads, shape.features,
                                                        as_vector(output),
                                                        as_vector(output_gradient), delta});
  Kernel kernel(shape, qkv.data());
  kernel.kept_log_sum = log_sum.data();
  kernel.delta = delta.data();
  kernel.output_gradient = output_gradient.data();
  kernel.qkv_gradient = qkv_gradient.data();
  kernel.template launch<typename Kernel::OfKeys>(instance, labels.keys, shape);
  kernel.template launch<typename Kernel::OfQueries>(instance, labels.queries, shape);
}

}  // namespace ridgeline::kernels
