#pragma once

// A row on a device: the vector lanes of one thread share it, or a whole team if it is long.
// Accesses are coalesced. Sums use Kokkos's tree of shuffles, whose order depends on the row's
// length alone.

#include <Kokkos_Core.hpp>

#include <cstddef>
#include <string>
#include <type_traits>

#include "core/function.hpp"
#include "core/launch.hpp"
#include "kernels/rows/terms.hpp"

namespace Kokkos {
template <class T, int Count>
struct reduction_identity<ridgeline::kernels::Terms<T, Count>> {
  KOKKOS_FORCEINLINE_FUNCTION static ridgeline::kernels::Terms<T, Count> sum() { return {}; }
};
}  // namespace Kokkos

namespace ridgeline::kernels::device {

template <class Member, bool Team>
class Row {
 public:
  KOKKOS_FUNCTION Row(const Member& member, std::size_t index, int size, int lanes)
      : member_(member), index_(index), size_(size), lanes_(lanes) {}
  KOKKOS_FUNCTION std::size_t index() const { return index_; }
  KOKKOS_FUNCTION std::size_t size() const { return size_; }

  template <class Body>
  KOKKOS_FUNCTION void once(const Body& body) const {
    if constexpr (Team) {
      Kokkos::single(Kokkos::PerTeam(member_), body);
    } else {
      Kokkos::single(Kokkos::PerThread(member_), body);
    }
  }
  template <class Body>
  KOKKOS_FUNCTION void each(const Body& body) const {
    Kokkos::parallel_for(lanes(), [&](int lane) { walk(lane, body); });
  }
  template <class Value>
  KOKKOS_FUNCTION auto sum(const Value& value) const {
    std::decay_t<decltype(value(0))> total;
    Kokkos::parallel_reduce(
        lanes(), [&](int lane, auto& part) { walk(lane, [&](int i) { part += value(i); }); },
        total);
    return total;
  }
  template <class Value>
  KOKKOS_FUNCTION auto largest(const Value& value) const {
    using T = std::decay_t<decltype(value(0))>;
    T maximum;
    Kokkos::parallel_reduce(
        lanes(),
        [&](int lane, T& part) {
          walk(lane, [&](int i) {
            const T next = value(i);
            part = next > part ? next : part;
          });
        },
        Kokkos::Max<T>(maximum));
    return maximum;
  }

 private:
  // Returns a range with one element per lane that works on the row.
  KOKKOS_FUNCTION auto lanes() const {
    if constexpr (Team) {
      return Kokkos::TeamVectorRange(member_, lanes_);
    } else {
      return Kokkos::ThreadVectorRange(member_, lanes_);
    }
  }
  template <class Body>
  KOKKOS_FUNCTION void walk(int lane, const Body& body) const {
    const int n = size_, step = lanes_;
    RIDGELINE_UNROLL_BY_4
    for (int i = lane; i < n; i += step) body(i);
  }

  const Member& member_;
  std::size_t index_;
  int size_, lanes_;
};

/// Threads per team, and the length from which a team shares a row.
inline constexpr int kTeam = 128, kLongTeam = 256, kLongRow = 1024;

/// Runs body(row) for every row, one row per thread and its vector lanes, or, if Team, per team.
template <class Space, class Body, bool Team>
struct Rows {
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Team ? kLongTeam : kTeam, 1>>;
  using Member = typename Policy::member_type;
  Body body;
  std::size_t rows;
  int size, lanes;

  KOKKOS_FUNCTION void operator()(const Member& member) const {
    std::size_t row = member.league_rank();
    if constexpr (!Team) row = row * member.team_size() + member.team_rank();
    if (row < rows) body(Row<Member, Team>(member, row, size, lanes));
  }

  static void launch(const Space& instance, const std::string& label, const Body& body,
                     std::size_t rows, std::size_t size) {
    int lanes = kWarp, threads = kLongTeam / kWarp, rows_per_team = 1;
    if (!Team) {
      while (lanes > 4 && std::size_t(lanes) >= size) lanes /= 2;
      threads = rows_per_team = kTeam / lanes;
    }
    ++launch_count.parallel;
    const int teams = static_cast<int>((rows + rows_per_team - 1) / rows_per_team);
    Kokkos::parallel_for(label, Policy(instance, teams, threads, lanes),
                         Rows{body, rows, static_cast<int>(size), Team ? kLongTeam : lanes});
  }
};

}  // namespace ridgeline::kernels::device
