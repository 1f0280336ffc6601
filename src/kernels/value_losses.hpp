#pragma once

#include <Kokkos_Core.hpp>

#include "core/math.hpp"
#include "kernels/device_softmax.hpp"

namespace ridgeline::kernels {

// Losses between values and targets, element by element; `scale` is what the gradient of a mean
// over all elements is multiplied with.

/// (y - t)².
template <class T>
struct SquaredError {
  T scale;
  RIDGELINE_FUNCTION T loss(T y, T t) const { return (y - t) * (y - t); }
  RIDGELINE_FUNCTION T gradient(T y, T t) const { return T(2) * scale * (y - t); }
};

/// -t log σ(z) - (1 - t) log(1 - σ(z)) of a logit z, as max(z, 0) - z t + log(1 + e^-|z|).
template <class T>
struct BinaryCrossEntropy {
  T scale;
  RIDGELINE_FUNCTION T loss(T z, T t) const {
    const T positive = z > T(0) ? z : T(0);
    return positive - z * t + math::log1p_of_fraction(math::exp(z > T(0) ? -z : z));
  }
  RIDGELINE_FUNCTION T gradient(T z, T t) const { return scale * (math::sigmoid(z) - t); }
};

/// The mean loss of a row of n on a host, and its gradient unless that is null: sums side by side,
/// so that they become vectors, in an order that depends on n alone.
template <class T, class Loss>
T row_of_losses(std::size_t n, const T* y, const T* target, T* gradient, const Loss& function) {
  constexpr std::size_t kSums = 16;
  T sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (std::size_t k = 0; k < kSums; ++k) sums[k] += function.loss(y[i + k], target[i + k]);
  }
  for (; i < n; ++i) sums[0] += function.loss(y[i], target[i]);
  for (std::size_t half = kSums / 2; half > 0; half /= 2) {
    for (std::size_t k = 0; k < half; ++k) sums[k] += sums[k + half];
  }
  for (i = 0; gradient && i < n; ++i) gradient[i] = function.gradient(y[i], target[i]);
  return sums[0] / static_cast<T>(n);
}

/// The same on a device, a row a team.
template <class Space, class T, int Threads, class Loss>
struct DeviceValueLoss {
  using Rows = DeviceRows<Space, T, Threads>;
  std::size_t n;
  const T* y;
  const T* target;
  T* gradient;
  T* loss;
  Loss function;

  KOKKOS_FUNCTION void operator()(const typename Rows::Member& team) const {
    T* const values = Rows::scratch(team);
    const std::size_t row = team.league_rank(), first = team.team_rank(), at = row * n;
    T sum = T(0);
    for (std::size_t i = first; i < n; i += Threads) {
      sum += function.loss(y[at + i], target[at + i]);
      if (gradient) gradient[at + i] = function.gradient(y[at + i], target[at + i]);
    }
    sum = team_sum<1, Threads>(team, values, sum);
    if (first == 0) loss[row] = sum / static_cast<T>(n);
  }
};

}  // namespace ridgeline::kernels
