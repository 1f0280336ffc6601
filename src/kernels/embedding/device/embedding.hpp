#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "kernels/embedding/embedding.hpp"

namespace ridgeline::kernels {

/// The device's gradient of an embedding: one team per row of the table. The team compares Team
/// tokens at a time, one per thread; if any token is the row's, each thread adds those positions in
/// order to its features. Team is a template parameter so that small teams also run on OpenMP.
template <class Space, class T, int Team>
struct DeviceEmbeddingGradient {
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Team, 1>>;
  using Member = typename Policy::member_type;

  Vector<Space, const T> tokens;
  Matrix<Space, const T> dy;
  Matrix<Space, T> gradient;

  void launch(const Space& instance, const std::string& label) const {
    ++launch_count.parallel;
    Kokkos::parallel_for(
        label,
        Policy(instance, static_cast<int>(gradient.extent(0)), Team)
            .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<int>(2 * Team))),
        *this);
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const std::size_t row = team.league_rank(), thread = team.team_rank();
    const std::size_t positions = tokens.size(), features = gradient.extent(1);
    int* mine = team_scratch<int>(team, 2 * Team);
    int* any = mine + Team;
    for (std::size_t f = thread; f < features; f += Team) gradient(row, f) = T(0);
    for (std::size_t first = 0; first < positions; first += Team) {
      const std::size_t at = first + thread;
      mine[thread] = at < positions && row_of_token(tokens(at), gradient.extent(0)) == row ? 1 : 0;
      any[thread] = mine[thread];
      team.team_barrier();
      for (int half = Team / 2; half > 0; half /= 2) {
        if (static_cast<int>(thread) < half) any[thread] |= any[thread + half];
        team.team_barrier();
      }
      if (any[0]) {
        for (std::size_t f = thread; f < features; f += Team) {
          T sum = gradient(row, f);
          for (int i = 0; i < Team; ++i) {
            if (mine[i]) sum += dy(first + i, f);
          }
          gradient(row, f) = sum;
        }
      }
      team.team_barrier();
    }
  }
};

}  // namespace ridgeline::kernels
