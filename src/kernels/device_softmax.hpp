#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#include "core/math.hpp"
#include "kernels/device_team.hpp"

namespace ridgeline::kernels {

/// The device's softmax: a team a row. With `Gradient` x is dy, and y the output of before.
template <class Space, class T, int Threads, bool Gradient>
struct DeviceSoftmax {
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Threads, 1>>;
  using Member = typename Policy::member_type;

  std::size_t columns;
  const T* x;
  const T* kept;
  T* out;

  void launch(const Space& instance, const std::string& label, std::size_t rows) const {
    const int scratch = static_cast<int>(Threads * sizeof(T));
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Policy(instance, static_cast<int>(rows), Threads)
                             .set_scratch_size(0, Kokkos::PerTeam(scratch)),
                         *this);
  }

  // The largest value of the row; as on a host blind to NaN but for the row's first.
  KOKKOS_FUNCTION T largest(const Member& team, T* scratch, const T* from) const {
    const int thread = team.team_rank();
    T most = from[0];
    for (std::size_t c = thread; c < columns; c += Threads) most = from[c] > most ? from[c] : most;
    scratch[thread] = most;
    team.team_barrier();
    for (int i = 0; i < Threads; ++i) most = scratch[i] > most ? scratch[i] : most;
    team.team_barrier();
    return most;
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const std::size_t bytes = Threads * sizeof(T);
    T* scratch = static_cast<T*>(team.team_shmem().get_shmem(bytes));
    const std::size_t begin = static_cast<std::size_t>(team.league_rank()) * columns;
    const T* from = x + begin;
    T* to = out + begin;
    T sum = T(0);
    if constexpr (Gradient) {
      const T* p = kept + begin;
      for (std::size_t c = team.team_rank(); c < columns; c += Threads) sum += p[c] * from[c];
      sum = team_sum<1, Threads>(team, scratch, sum);
      for (std::size_t c = team.team_rank(); c < columns; c += Threads) {
        to[c] = p[c] * (from[c] - sum);
      }
    } else {
      const T most = largest(team, scratch, from);
      for (std::size_t c = team.team_rank(); c < columns; c += Threads) {
        to[c] = math::exp(from[c] - most);
        sum += to[c];
      }
      const T factor = T(1) / team_sum<1, Threads>(team, scratch, sum);
      for (std::size_t c = team.team_rank(); c < columns; c += Threads) to[c] *= factor;
    }
  }
};

}  // namespace ridgeline::kernels
