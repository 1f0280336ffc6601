#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "core/views.hpp"

namespace ridgeline::machine::detail {

/// Threads of a team that computes a sum on a device.
inline constexpr int kSumTeam = 256;

/// Returns the number of teams for a sum of `size` elements: one thread per element, and at most
/// four times the threads that the device runs at once.
template <class Space>
int sum_teams(const Space& instance, std::size_t size) {
  const std::size_t most = static_cast<std::size_t>(4 * instance.concurrency() / kSumTeam);
  const std::size_t teams = (size + kSumTeam - 1) / kSumTeam;
  return static_cast<int>(std::max<std::size_t>(1, std::min(teams, most)));
}

/// A sum on a device: thread t of teams · Team calls `body(t, sum)`, and a team stores its part in
/// parts[team]. Kokkos's reduction over a range reaches only a quarter of memory bandwidth (1.2 of
/// 4.4 TB/s on an H200, docs/laboratory.md). Team is a template parameter, a power of two, so that
/// small teams also run on OpenMP, where the tests check it without a device.
template <class Space, class Body, class Sum, int Team>
struct DeviceSum {
  static_assert((Team & (Team - 1)) == 0, "the sum halves its threads");
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Team, 1>>;
  using Member = typename Policy::member_type;

  Body body;
  Sum* parts;

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    Sum sum = Sum(0);
    body(std::size_t(team.league_rank()) * Team + std::size_t(team.team_rank()), sum);
    Sum* const of_threads = team_scratch<Sum>(team, Team);
    const int thread = team.team_rank();
    of_threads[thread] = sum;
    team.team_barrier();
    for (int half = Team / 2; half > 0; half /= 2) {
      if (thread < half) of_threads[thread] += of_threads[thread + half];
      team.team_barrier();
    }
    if (thread == 0) parts[team.league_rank()] = of_threads[0];
  }

  static void launch(const Space& instance, const std::string& label, int teams, const Body& body,
                     Sum* parts) {
    Kokkos::parallel_for(label,
                         Policy(instance, teams, Team)
                             .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<Sum>(Team))),
                         DeviceSum{body, parts});
  }
};

/// Allocates the parts of a sum over `size` elements: one on a host, one per team on a device.
template <class Space, class Sum>
Buffer<Space, Sum> make_parts(const Space& instance, const std::string& label, std::size_t size) {
  const int parts = kIsHost<Space> ? 1 : sum_teams(instance, size);
  return allocate<Sum>(instance, label, static_cast<std::size_t>(parts));
}

/// Returns a View of a host's only part, the result of a Kokkos reduction.
template <class Space, class Sum>
auto only_part(const Buffer<Space, Sum>& parts) {
  return Kokkos::View<Sum, typename Space::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(
      parts.data());
}

/// Launches a device's sum of what `body(i, sum)` adds for i in [0, size), one part per team.
template <class Space, class Body, class Sum>
void sum_elements(const Space& instance, const std::string& label, std::size_t size,
                  const Body& body, const Buffer<Space, Sum>& parts) {
  using Shared = SharedSum<Body, Sum>;
  DeviceSum<Space, Shared, Sum, kSumTeam>::launch(instance, label, static_cast<int>(parts.size()),
                                                  Shared{body, size, parts.size() * kSumTeam},
                                                  parts.data());
}

/// Returns the sum of all parts, `stride` apart, on the host; fences the instance.
template <class Space, class Sum>
Sum sum_of_parts(const Space& instance, const Buffer<Space, Sum>& parts, std::size_t stride = 1) {
  const auto mirror = Kokkos::create_mirror_view(parts);
  Kokkos::deep_copy(instance, mirror, parts);
  instance.fence();
  Sum sum = Sum(0);
  for (std::size_t i = 0; i < mirror.size(); i += stride) sum += mirror(i);
  return sum;
}

}  // namespace ridgeline::machine::detail
