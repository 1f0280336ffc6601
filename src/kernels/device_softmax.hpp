#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>
#include <cstdint>
#include <string>

#include "core/launch.hpp"
#include "core/math.hpp"
#include "core/team_scratch.hpp"
#include "kernels/device_team.hpp"

namespace ridgeline::kernels {

/// What device kernels over rows share: a team of Threads (a power of two) a row. The tests run
/// them on OpenMP teams.
template <class Space, class T, int Threads>
struct DeviceRows {
  using Policy = Kokkos::TeamPolicy<Space>;
  using Member = typename Policy::member_type;

  template <class Kernel>
  static void launch(const Space& instance, const std::string& label, std::size_t rows,
                     const Kernel& kernel) {
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Policy(instance, static_cast<int>(rows), Threads)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(Threads))),
                         kernel);
  }
  KOKKOS_FUNCTION static T* scratch(const Member& team) { return team_scratch<T>(team, Threads); }

  /// The largest over the team's threads; NaN may be passed over.
  KOKKOS_FUNCTION static T team_largest(const Member& team, T* values, T value) {
    const int thread = team.team_rank();
    values[thread] = value;
    team.team_barrier();
    for (int half = Threads / 2; half > 0; half /= 2) {
      if (thread < half && values[thread + half] > values[thread]) {
        values[thread] = values[thread + half];
      }
      team.team_barrier();
    }
    const T largest = values[0];
    team.team_barrier();
    return largest;
  }
};

/// y = softmax(z), a row of n a team; y may be z.
template <class Space, class T, int Threads>
struct DeviceSoftmax {
  using Rows = DeviceRows<Space, T, Threads>;
  std::size_t n;
  const T* z;
  T* y;

  KOKKOS_FUNCTION void operator()(const typename Rows::Member& team) const {
    T* const values = Rows::scratch(team);
    const std::size_t first = team.team_rank(), at = team.league_rank() * n;
    T largest = first < n ? z[at + first] : z[at];
    for (std::size_t i = first; i < n; i += Threads) {
      if (z[at + i] > largest) largest = z[at + i];
    }
    largest = Rows::team_largest(team, values, largest);
    T sum = T(0);
    for (std::size_t i = first; i < n; i += Threads) sum += math::exp(z[at + i] - largest);
    sum = team_sum<1, Threads>(team, values, sum);
    for (std::size_t i = first; i < n; i += Threads) {
      y[at + i] = math::exp(z[at + i] - largest) / sum;
    }
  }
};

/// dx = y (dy - Σ dy y), a row of n a team; dx may be dy.
template <class Space, class T, int Threads>
struct DeviceSoftmaxGradient {
  using Rows = DeviceRows<Space, T, Threads>;
  std::size_t n;
  const T* y;
  const T* dy;
  T* dx;

  KOKKOS_FUNCTION void operator()(const typename Rows::Member& team) const {
    T* const values = Rows::scratch(team);
    const std::size_t first = team.team_rank(), at = team.league_rank() * n;
    T sum = T(0);
    for (std::size_t i = first; i < n; i += Threads) sum += y[at + i] * dy[at + i];
    sum = team_sum<1, Threads>(team, values, sum);
    for (std::size_t i = first; i < n; i += Threads) dx[at + i] = y[at + i] * (dy[at + i] - sum);
  }
};

/// Softmax with cross-entropy (loss.hpp), a row a team; `gradient` may be null, or z.
template <class Space, class T, int Threads>
struct DeviceCrossEntropy {
  using Rows = DeviceRows<Space, T, Threads>;
  std::size_t n;
  const T* z;
  const std::int32_t* label;
  T smoothing, scale;
  T* gradient;
  T* loss;
  T* correct;

  KOKKOS_FUNCTION void operator()(const typename Rows::Member& team) const {
    T* const values = Rows::scratch(team);
    const std::size_t row = team.league_rank();
    const std::size_t first = team.team_rank(), at = row * n;
    const std::size_t target = static_cast<std::size_t>(label[row]);
    const T target_logit = z[at + target];
    T own = first < n ? z[at + first] : z[at];
    for (std::size_t i = first; i < n; i += Threads) {
      if (z[at + i] > own) own = z[at + i];
    }
    const T largest = Rows::team_largest(team, values, own);
    // Relative to the largest, since a mean of large logits would round what tells them apart.
    T total = T(0);
    if (smoothing != T(0)) {
      for (std::size_t i = first; i < n; i += Threads) total += z[at + i] - largest;
      total = team_sum<1, Threads>(team, values, total);
    }
    // How many logits before the label's are as large: none, if its own is the first largest.
    T before = T(0), sum = T(0);
    for (std::size_t i = first; i < n; i += Threads) {
      if (i < target && z[at + i] == largest) before += T(1);
      sum += math::exp(z[at + i] - largest);
    }
    before = team_sum<1, Threads>(team, values, before);
    sum = team_sum<1, Threads>(team, values, sum);
    if (gradient) {
      const T factor = scale / sum, uniform = scale * smoothing / static_cast<T>(n);
      for (std::size_t i = first; i < n; i += Threads) {
        const T onehot = i == target ? scale * (T(1) - smoothing) : T(0);
        gradient[at + i] = math::exp(z[at + i] - largest) * factor - uniform - onehot;
      }
    }
    if (first == 0) {
      T expected = target_logit - largest;
      if (smoothing != T(0)) {
        expected = (T(1) - smoothing) * expected + smoothing * total / static_cast<T>(n);
      }
      loss[row] = std::log(sum) - expected;
      correct[row] = target_logit == largest && before == T(0) ? T(1) : T(0);
    }
  }
};

}  // namespace ridgeline::kernels
