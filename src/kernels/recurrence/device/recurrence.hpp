#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <string>

#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "core/views.hpp"
#include "kernels/recurrence/recurrence.hpp"

namespace ridgeline::kernels {

/// Computes to[depth, columns] = from[columns, depth]ᵀ.
template <class Memory, class T>
struct TransposeWeights {
  Matrix<Memory, const T> from;
  Matrix<Memory, T> to;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::size_t columns = to.extent(1), k = i / columns, column = i % columns;
    to(k, column) = from(column, k);
  }
};

/// The device's recurrence: one launch for all steps. A team computes all steps of `Samples`
/// samples. In a step its threads first divide the product: a thread computes one column (a sum of
/// a unit) for all samples, or a part of its depth if the team has more threads than columns. Reads
/// of weights are coalesced, and each weight is used for every sample. After a barrier the threads
/// divide the units: the parts of a sum are added in order and passed to the cell. Another barrier
/// ends the step. State and sums are in team scratch, or in workspace if scratch is too small for
/// the units.
///
/// `Samples` and `Team` are template parameters, so that small teams also run on OpenMP, where the
/// tests check indices and barriers without a device.
template <class Space, class Cell, int Samples, int Team>
struct DeviceRecurrence {
  using T = typename Cell::Scalar;
  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<Team, 1>>;
  using Member = typename Policy::member_type;
  static constexpr int kSums = Cell::kSums, kStates = Cell::kStates;
  /// Bytes of scratch that every device provides without a request.
  static constexpr std::size_t kMostScratchBytes = 40 * 1024;

  /// One value of each of the team's samples, loaded and stored with as few instructions as
  /// possible.
  struct alignas(Samples * sizeof(T) % 16 == 0 ? 16 : sizeof(T)) Group {
    T value[Samples];
  };

  Cell cell;
  const T* weight;  // [depth, columns]
  T* spill;         // memory per team if scratch is too small; may be null
  int batch, parts;

  /// Returns the number of parts that the depth of a column is divided into.
  static int parts_of(int units) {
    const int columns = kSums * units, depth = kStates * units;
    return std::max(1, std::min(Team / columns, depth / 4));
  }
  /// Returns the scalars of memory per team: state, parts of the sums, carry.
  static std::size_t team_size(int units) {
    return std::size_t(Samples) * units * (kStates + parts_of(units) * kSums + 1);
  }
  static bool spills(int units) { return team_size(units) * sizeof(T) > kMostScratchBytes; }
  static int teams(int batch) { return (batch + Samples - 1) / Samples; }
  /// Returns the scalars of workspace: the transposed weights, and the teams' memory if scratch is
  /// too small.
  static std::size_t workspace(std::size_t batch, std::size_t units) {
    const std::size_t transposed = Cell::kBackward ? 0 : kSums * units * units;
    return aligned_size<T>(transposed) +
           (spills(int(units)) ? teams(int(batch)) * team_size(int(units)) : 0);
  }

  static void launch(const Space& instance, const RecurrenceLabels& labels, int batch,
                     const Cell& cell, const Vector<Space, const T>& weight,
                     const Vector<Space, T>& workspace) {
    const std::size_t units = cell.units, columns = kSums * units, depth = kStates * units;
    DeviceRecurrence kernel{cell, weight.data(), nullptr, batch, parts_of(cell.units)};
    T* unused = workspace.data();
    if (!Cell::kBackward) {
      T* transposed = unused;
      unused += aligned_size<T>(columns * depth);
      kernel.weight = transposed;
      for_elements(
          instance, labels.prepare, columns * depth, {0, 2.0 * sizeof(T) * columns * depth},
          TransposeWeights<MemoryOf<Space>, T>{as_matrix(weight, columns, depth),
                                               Matrix<Space, T>(transposed, depth, columns)});
    }
    int scratch = 0;
    if (spills(cell.units)) {
      kernel.spill = unused;
    } else {
      scratch = team_scratch_bytes<T>(team_size(cell.units));
    }
    ++launch_count.parallel;
    launch_count.barriers += 1 + 2 * cell.length;
    Kokkos::parallel_for(
        labels.steps,
        Policy(instance, teams(batch), Team).set_scratch_size(0, Kokkos::PerTeam(scratch)), kernel);
  }

  // Computes sums[part][column] of one part of one column.
  KOKKOS_FUNCTION void multiply(int part, int column, const Group* state, Group* sums) const {
    const int columns = kSums * cell.units, depth = kStates * cell.units;
    const int begin = part * depth / parts, end = (part + 1) * depth / parts;
    Group sum;
    for (int s = 0; s < Samples; ++s) sum.value[s] = T(0);
    const T* w = weight + std::size_t(begin) * columns + column;
    RIDGELINE_UNROLL_BY_8
    for (int k = begin; k < end; ++k) {
      const T value = *w;
      const Group at_k = state[k];
      for (int s = 0; s < Samples; ++s) sum.value[s] += at_k.value[s] * value;
      w += columns;
    }
    sums[part * columns + column] = sum;
  }

  // Computes the next state of one unit of the team's sample `s`.
  KOKKOS_FUNCTION void advance(std::size_t sample, int t, int s, int u, const Group* sums,
                               Group* state, T* carry) const {
    const int units = cell.units, columns = kSums * units;
    T sum[kSums], next[kStates];
    for (int g = 0; g < kSums; ++g) {
      sum[g] = T(0);
      for (int part = 0; part < parts; ++part) {
        sum[g] += sums[part * columns + g * units + u].value[s];
      }
    }
    const std::size_t row = sample * cell.length + t;
    if (const T* addend = cell.addend(sample, t)) sum[0] += addend[u];
    cell(row, u, sum, carry[s * units + u], next);
    if (T* kept = cell.keeps_before(row)) kept[u] = state[u].value[s];
    T* kept = cell.keeps_after(sample, t);
    for (int g = 0; g < kStates; ++g) {
      state[g * units + u].value[s] = next[g];
      if (kept) kept[g * units + u] = next[g];
    }
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const std::size_t size =
        std::size_t(Samples) * cell.units * (kStates + std::size_t(parts) * kSums + 1);
    if (spill) {
      all_steps(team, spill + team.league_rank() * size);
    } else {
      all_steps(team, team_scratch<T>(team, size));
    }
  }

  // Computes all steps. Inlined into both callers, where the address space of the memory is known
  // at compile time.
  KOKKOS_FORCEINLINE_FUNCTION void all_steps(const Member& team, T* memory) const {
    const int units = cell.units, columns = kSums * units;
    const int thread = team.team_rank(), threads = team.team_size();
    for (int i = thread; i < Samples * (kStates + 1) * units; i += threads) memory[i] = T(0);
    Group* state = reinterpret_cast<Group*>(memory);
    T* carry = memory + Samples * kStates * units;
    Group* sums = reinterpret_cast<Group*>(carry + Samples * units);
    team.team_barrier();
    const int first = team.league_rank() * Samples;
    const int samples = batch - first < Samples ? batch - first : Samples;
    for (int step = 0; step < cell.length; ++step) {
      for (int i = thread; i < parts * columns; i += threads) {
        multiply(i / columns, i % columns, state, sums);
      }
      team.team_barrier();
      const int t = Cell::kBackward ? cell.length - 1 - step : step;
      for (int i = thread; i < samples * units; i += threads) {
        advance(std::size_t(first) + i / units, t, i / units, i % units, sums, state, carry);
      }
      team.team_barrier();
    }
  }
};

}  // namespace ridgeline::kernels
