#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>
#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "kernels/device_team.hpp"

namespace ridgeline::kernels {

/// The device's layer normalisation: a team a row. Sums over a row go through scratch memory in a
/// tree, so that their order depends on nothing but Team. Team is a template parameter so that
/// small ones also run on OpenMP.
template <class Space, class T, int Team>
struct DeviceLayerNorm {
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Team, 1>>;
  using Member = typename Policy::member_type;

  struct Forward {};
  struct Backward {};

  int features;
  const T* x;
  const T* weight;
  const T* bias;
  T* y;
  T* statistics;  ///< written by forward (or null), read by backward
  const T* kept;
  const T* dy;
  T* dx;
  T epsilon;

  template <class Phase>
  void launch(const Space& instance, const std::string& label, std::size_t rows) const {
    if (rows == 0) return;
    ++launch_count.parallel;
    Kokkos::parallel_for(label,
                         Kokkos::TeamPolicy<Space, Phase, Kokkos::LaunchBounds<Team, 1>>(
                             instance, static_cast<int>(rows), Team)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(Team))),
                         *this);
  }

  KOKKOS_FUNCTION void operator()(const Forward&, const Member& team) const {
    T* scratch = team_scratch<T>(team, Team);
    const std::size_t row = team.league_rank();
    const T* in = x + row * features;
    T part = T(0);
    for (int i = team.team_rank(); i < features; i += Team) part += in[i];
    const T mean = team_sum<1, Team>(team, scratch, part) / T(features);
    part = T(0);
    for (int i = team.team_rank(); i < features; i += Team) part += (in[i] - mean) * (in[i] - mean);
    const T variance = team_sum<1, Team>(team, scratch, part) / T(features);
    const T inverse = T(1) / std::sqrt(variance + epsilon);
    for (int i = team.team_rank(); i < features; i += Team) {
      y[row * features + i] = (in[i] - mean) * inverse * weight[i] + bias[i];
    }
    if (statistics && team.team_rank() == 0) {
      statistics[2 * row] = mean;
      statistics[2 * row + 1] = inverse;
    }
  }

  KOKKOS_FUNCTION void operator()(const Backward&, const Member& team) const {
    T* scratch = team_scratch<T>(team, Team);
    const std::size_t row = team.league_rank();
    const T* in = x + row * features;
    const T* slope = dy + row * features;
    const T mean = kept[2 * row], inverse = kept[2 * row + 1];
    T slopes = T(0), products = T(0);
    for (int i = team.team_rank(); i < features; i += Team) {
      const T g = slope[i] * weight[i];
      slopes += g;
      products += g * ((in[i] - mean) * inverse);
    }
    const T mean_slope = team_sum<1, Team>(team, scratch, slopes) / T(features);
    const T mean_product = team_sum<1, Team>(team, scratch, products) / T(features);
    for (int i = team.team_rank(); i < features; i += Team) {
      const T normal = (in[i] - mean) * inverse;
      dx[row * features + i] =
          inverse * (slope[i] * weight[i] - mean_slope - normal * mean_product);
    }
  }
};

}  // namespace ridgeline::kernels
