#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>

#include "core/cuda/device.hpp"

namespace ridgeline::kernels {

/// Returns the number of teams that occupy a device: three quarters of its multiprocessors, 99 on
/// the H200 with which the sizes of tiles were chosen, and as many if there is no device to ask.
inline int teams_to_fill() {
  const int multiprocessors = device_limits().multiprocessors;
  return multiprocessors > 0 ? std::max(1, multiprocessors * 3 / 4) : 99;
}

/// Sums over a team's threads in a fixed order, through `scratch` of one value per thread. Thread t
/// works on column t % Columns, and each column's sum over its Threads (a power of two) comes back
/// to all of them. Every thread of the team has to call it.
template <int Columns, int Threads, class Member, class T>
KOKKOS_FUNCTION T team_sum(const Member& team, T* scratch, T value) {
  static_assert((Threads & (Threads - 1)) == 0, "the sum halves its threads");
  const int thread = team.team_rank();
  scratch[thread] = value;
  team.team_barrier();
  for (int half = Threads / 2; half > 0; half /= 2) {
    if (thread < half * Columns) scratch[thread] += scratch[thread + half * Columns];
    team.team_barrier();
  }
  const T sum = scratch[thread % Columns];
  team.team_barrier();  // before the next sum overwrites it
  return sum;
}

}  // namespace ridgeline::kernels
