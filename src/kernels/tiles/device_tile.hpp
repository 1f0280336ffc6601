#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/cuda/device.hpp"
#include "core/launch.hpp"
#include "core/team_scratch.hpp"
#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels {

// Common code of the device's products and convolutions: C[row, column] = Σ_k A[row, k] · B[column,
// k], one tile of C per team. A `Problem` defines the number of tiles and the `Work` of each; a
// Work defines how elements of A and B are loaded and where those of C are stored.
//
//   Problem   tiles(tile_m, tile_n): how many there are of that size;  depth(): of k;
//             total, total_sums: scalars of C and of row sums;
//             work(tile, tile_m, tile_n, k_end): the Work of a tile, for k below k_end
//   Work      a, b: operands;  m0, n0: the tile's first row and column;  k_end: where its k ends;
//             channel(row, column): whose bias C has there;
//             row_position(row), column_position(column): their sum is C's place, < 0 outside;
//             sum_position(row): the place of the row's sum of A, < 0 where it is not wanted
//   operand   k_contiguous: fours run along k, else along rows (of B: columns);
//             outer: rows;  load4(outer, k, values): four values from there, zeros beyond the edges

/// Divides by a number known at launch, with a multiplication, for n below 2^31; after Granlund and
/// Montgomery, "Division by invariant integers using multiplication" (PLDI 1994).
struct Divisor {
  std::uint64_t multiplier = 0;
  int divisor = 1, shift = 0;

  KOKKOS_DEFAULTED_FUNCTION Divisor() = default;
  KOKKOS_FUNCTION explicit Divisor(int d) : divisor(d) {
    int log = 0;
    while ((std::int64_t(1) << log) < d) ++log;
    shift = 31 + log;
    multiplier = (std::uint64_t(1) << shift) / std::uint64_t(d) + 1;
  }
  KOKKOS_FUNCTION int quotient(int n) const {
    return static_cast<int>((static_cast<std::uint64_t>(n) * multiplier) >> shift);
  }
};

/// Returns f(z), and f′ from the stored arguments (or values, depending on f).
template <class T>
RIDGELINE_CALLED_FUNCTION T activation_of(Activation f, T z) {
  with_activation(f, [&](auto known) { z = activate<known()>(z); });
  return z;
}
template <class T>
RIDGELINE_CALLED_FUNCTION Four<T> derivatives_of(Activation f, Four<T> kept) {
  with_activation(f, [&](auto known) {
    for (int i = 0; i < 4; ++i) kept.value[i] = derivative<known()>(kept.value[i]);
  });
  return kept;
}

/// The output of the sums: bias, activation and a copy of its argument.
template <class T>
struct TileOutput {
  T* c;
  T* pre_activation;
  const T* bias;
  Activation activation;
  std::ptrdiff_t inner, channels;  ///< place i of C has the bias of channel i / inner % channels

  KOKKOS_FUNCTION void finish(std::ptrdiff_t at, std::ptrdiff_t channel, T z) const {
    if (bias) z += bias[channel];
    if (pre_activation) pre_activation[at] = z;
    c[at] = activation == Activation::identity ? z : activation_of(activation, z);
  }
};

/// Sizes of a tile: a team computes [kTileM, kTileN] of C in steps of kTileK along k, a thread
/// [kThreadM, kThreadN] of it.
template <int TileM, int TileN, int TileK, int ThreadM, int ThreadN>
struct TileSizes {
  static_assert(TileM % ThreadM == 0 && TileN % ThreadN == 0, "threads must cover the tile");
  static_assert(ThreadM % 4 == 0 && ThreadN % 4 == 0, "a thread reads scratch by fours");
  static_assert(TileM % 4 == 0 && TileN % 4 == 0 && TileK % 4 == 0, "tiles are loaded by fours");
  static constexpr int kTileM = TileM, kTileN = TileN, kTileK = TileK;
  static constexpr int kThreadM = ThreadM, kThreadN = ThreadN;
  static constexpr int kThreadsM = TileM / ThreadM, kThreadsN = TileN / ThreadN;
  static constexpr int kTeam = kThreadsM * kThreadsN;

  /// Returns the number of tiles that cover C.
  static int tiles(int m, int n) { return ((m + TileM - 1) / TileM) * ((n + TileN - 1) / TileN); }
};

/// The kernel: two tiles of A and B in team scratch, one of which is loaded while the other is
/// used, and a block of C in every thread's registers; after "Programming massively parallel
/// processors" (Kirk and Hwu) and CUTLASS. k may be split among teams, each with its part of C in
/// `partial`; AddParts adds the parts in order.
template <class Space, class T, class Sizes, class Problem>
struct TileKernel {
  static constexpr int kPad = 4;  // avoids bank conflicts between the columns of a transposed store
  static constexpr int kStrideA = Sizes::kTileM + kPad, kStrideB = Sizes::kTileN + kPad;
  static constexpr int kScratchA = Sizes::kTileK * kStrideA;
  static constexpr int kScratchB = Sizes::kTileK * kStrideB;
  static constexpr int kScratch = 2 * (kScratchA + kScratchB);
  static constexpr int kTeam = Sizes::kTeam;
  /// Concurrent teams per multiprocessor: 512 threads with float, each with 128 registers.
  static constexpr int kTeams = std::max(1, (sizeof(T) == sizeof(float) ? 512 : 256) / kTeam);
  static constexpr int kLoadsA = (Sizes::kTileM * Sizes::kTileK / 4 + kTeam - 1) / kTeam;
  static constexpr int kLoadsB = (Sizes::kTileN * Sizes::kTileK / 4 + kTeam - 1) / kTeam;

  /// Rows of A that a thread sums.
  static constexpr int kSumRows = (Sizes::kTileM + kTeam - 1) / kTeam;

  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<kTeam, kTeams>>;
  using Member = typename Policy::member_type;

  Problem problem;
  TileOutput<T> output;
  T* row_sums;
  T* partial;  // null unless k is split
  int splits, split_depth;

  // Loads a thread's part of the tile [Outer, kTileK] at (outer0, k0) into registers.
  template <int Outer, int Loads, class Operand>
  KOKKOS_FUNCTION static void fetch(const Operand& from, int thread, int outer0, int k0,
                                    T (&registers)[Loads][4]) {
    constexpr int kTileK = Sizes::kTileK, kItems = Outer * kTileK / 4;
    RIDGELINE_UNROLL
    for (int load = 0; load < Loads; ++load) {
      const int item = thread + load * kTeam;
      for (int i = 0; i < 4; ++i) registers[load][i] = T(0);
      if (kItems % kTeam == 0 || item < kItems) {
        // Adjacent threads load adjacent groups of four along the contiguous dimension: coalesced.
        if (from.k_contiguous) {
          from.load4(outer0 + item / (kTileK / 4), k0 + item % (kTileK / 4) * 4, registers[load]);
        } else {
          from.load4(outer0 + item % (Outer / 4) * 4, k0 + item / (Outer / 4), registers[load]);
        }
      }
    }
  }

  // Stores the registers that `fetch` loaded in scratch as tile[k][outer].
  template <int Outer, int Stride, int Loads>
  KOKKOS_FUNCTION static void put(bool k_contiguous, int thread, const T (&registers)[Loads][4],
                                  T* tile) {
    constexpr int kTileK = Sizes::kTileK, kItems = Outer * kTileK / 4;
    RIDGELINE_UNROLL
    for (int load = 0; load < Loads; ++load) {
      const int item = thread + load * kTeam;
      if (kItems % kTeam == 0 || item < kItems) {
        if (k_contiguous) {
          T* to = tile + item % (kTileK / 4) * 4 * Stride + item / (kTileK / 4);
          for (int i = 0; i < 4; ++i) to[i * Stride] = registers[load][i];
        } else {
          Four<T> four;
          for (int i = 0; i < 4; ++i) four.value[i] = registers[load][i];
          *reinterpret_cast<Four<T>*>(tile + item / (Outer / 4) * Stride + item % (Outer / 4) * 4) =
              four;
        }
      }
    }
  }

  // Returns the index in the tile of register `i` of thread `t`: groups of four, with those of all
  // threads adjacent.
  template <int Threads>
  KOKKOS_FUNCTION static int index(int t, int i) {
    return i / 4 * (Threads * 4) + t * 4 + i % 4;
  }

  // Loads the registers of thread `t` from one line of a tile.
  template <int Threads, int Count>
  KOKKOS_FUNCTION static void read(const T* line, int t, T (&values)[Count]) {
    RIDGELINE_UNROLL
    for (int i = 0; i < Count; i += 4) {
      const Four<T> four = *reinterpret_cast<const Four<T>*>(line + index<Threads>(t, i));
      for (int j = 0; j < 4; ++j) values[i + j] = four.value[j];
    }
  }

  // A thread's block of C, and the sums of its rows of A.
  struct Sums {
    T c[Sizes::kThreadM][Sizes::kThreadN];
    T row[kSumRows];
  };

  KOKKOS_FUNCTION static void clear(Sums& sums) {
    RIDGELINE_UNROLL
    for (int i = 0; i < Sizes::kThreadM; ++i) {
      for (int j = 0; j < Sizes::kThreadN; ++j) sums.c[i][j] = T(0);
    }
    for (int i = 0; i < kSumRows; ++i) sums.row[i] = T(0);
  }

  // Adds the products of two tiles in scratch to a thread's block.
  KOKKOS_FUNCTION static void add_products(const T* tile_a, const T* tile_b, int thread,
                                           Sums& sums) {
    const int thread_m = thread / Sizes::kThreadsN, thread_n = thread % Sizes::kThreadsN;
    RIDGELINE_UNROLL
    for (int kk = 0; kk < Sizes::kTileK; ++kk) {
      T av[Sizes::kThreadM], bv[Sizes::kThreadN];
      read<Sizes::kThreadsM>(tile_a + kk * kStrideA, thread_m, av);
      read<Sizes::kThreadsN>(tile_b + kk * kStrideB, thread_n, bv);
      RIDGELINE_UNROLL
      for (int i = 0; i < Sizes::kThreadM; ++i) {
        RIDGELINE_UNROLL
        for (int j = 0; j < Sizes::kThreadN; ++j) sums.c[i][j] += av[i] * bv[j];
      }
    }
  }

  KOKKOS_FUNCTION static void add_rows(const T* tile_a, int thread, Sums& sums) {
    RIDGELINE_UNROLL
    for (int i = 0; i < kSumRows; ++i) {
      const int row = thread + i * kTeam;
      if (Sizes::kTileM % kTeam == 0 || row < Sizes::kTileM) {
        for (int kk = 0; kk < Sizes::kTileK; ++kk) sums.row[i] += tile_a[kk * kStrideA + row];
      }
    }
  }

  // Stores a thread's sums: in `part` if k is split, else as results.
  template <class Work>
  KOKKOS_FUNCTION void store(const Work& work, int thread, bool sums_rows, const Sums& sums,
                             T* part) const {
    const int thread_m = thread / Sizes::kThreadsN, thread_n = thread % Sizes::kThreadsN;
    if (sums_rows) {
      RIDGELINE_UNROLL
      for (int i = 0; i < kSumRows; ++i) {
        const int row = thread + i * kTeam;
        const std::ptrdiff_t at = row < Sizes::kTileM ? work.sum_position(work.m0 + row) : -1;
        if (at >= 0) (part ? part[problem.total + at] : row_sums[at]) = sums.row[i];
      }
    }
    for (int j = 0; j < Sizes::kThreadN; ++j) {
      const int column_index = work.n0 + index<Sizes::kThreadsN>(thread_n, j);
      const std::ptrdiff_t column = work.column_position(column_index);
      if (column < 0) continue;
      for (int i = 0; i < Sizes::kThreadM; ++i) {
        const int row_index = work.m0 + index<Sizes::kThreadsM>(thread_m, i);
        const std::ptrdiff_t row = work.row_position(row_index);
        if (row < 0) continue;
        if (part) {
          part[row + column] = sums.c[i][j];
        } else {
          output.finish(row + column, work.channel(row_index, column_index), sums.c[i][j]);
        }
      }
    }
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    constexpr int kTileM = Sizes::kTileM, kTileN = Sizes::kTileN, kTileK = Sizes::kTileK;
    const int split = team.league_rank() % splits;
    const int k_begin = split * split_depth;
    const auto work =
        problem.work(team.league_rank() / splits, kTileM, kTileN, k_begin + split_depth);
    const int m0 = work.m0, n0 = work.n0;
    const int thread = team.team_rank();
    T* const tile_a = team_scratch<T>(team, kScratch);
    T* const tile_b = tile_a + 2 * kScratchA;

    Sums sums;
    clear(sums);
    T next_a[kLoadsA][4], next_b[kLoadsB][4];
    const bool sums_rows = work.sum_position(m0) >= 0;
    fetch<kTileM>(work.a, thread, m0, k_begin, next_a);
    fetch<kTileN>(work.b, thread, n0, k_begin, next_b);
    put<kTileM, kStrideA>(work.a.k_contiguous, thread, next_a, tile_a);
    put<kTileN, kStrideB>(work.b.k_contiguous, thread, next_b, tile_b);
    team.team_barrier();
    const int steps = (work.k_end - k_begin + kTileK - 1) / kTileK;
    for (int step = 0; step < steps; ++step) {
      const bool more = step + 1 < steps;
      const int now = step % 2, next = 1 - now;
      if (more) {  // the loads are in flight while this step computes
        fetch<kTileM>(work.a, thread, m0, k_begin + (step + 1) * kTileK, next_a);
        fetch<kTileN>(work.b, thread, n0, k_begin + (step + 1) * kTileK, next_b);
      }
      add_products(tile_a + now * kScratchA, tile_b + now * kScratchB, thread, sums);
      if (sums_rows) add_rows(tile_a + now * kScratchA, thread, sums);
      if (more) {
        put<kTileM, kStrideA>(work.a.k_contiguous, thread, next_a, tile_a + next * kScratchA);
        put<kTileN, kStrideB>(work.b.k_contiguous, thread, next_b, tile_b + next * kScratchB);
      }
      team.team_barrier();
    }
    store(work, thread, sums_rows, sums,
          partial ? partial + split * (problem.total + problem.total_sums) : nullptr);
  }
};

/// Adds the parts of a split k in order, and stores the results.
template <class T>
struct AddParts {
  TileOutput<T> output;
  T* row_sums;
  const T* partial;
  std::ptrdiff_t total, total_sums;
  int splits;

  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(i);
    T sum = partial[at];
    for (int split = 1; split < splits; ++split) sum += partial[split * (total + total_sums) + at];
    if (at < total) {
      output.finish(at, output.bias ? at / output.inner % output.channels : 0, sum);
    } else {
      row_sums[at - total] = sum;
    }
  }
};

/// Which tiles a product uses, and the number of parts that k is split into.
struct TilePlan {
  enum class Size { large, medium, small } size;
  int splits;
};

/// Launches a problem with tiles of one size, and the kernel that adds the parts if k is split.
template <class Space, class T, class Sizes, class Problem>
void launch_tiles(const Space& instance, const std::string& label, const std::string& add_label,
                  const Problem& problem, const TileOutput<T>& output, T* row_sums, int splits,
                  T* workspace) {
  using Kernel = TileKernel<Space, T, Sizes, Problem>;
  const int steps = (problem.depth() + Sizes::kTileK - 1) / Sizes::kTileK;
  const int split_depth = (steps + splits - 1) / splits * Sizes::kTileK;
  const Kernel kernel{problem, output,     row_sums, splits > 1 ? workspace : nullptr,
                      splits,  split_depth};
  const int league = problem.tiles(Sizes::kTileM, Sizes::kTileN) * splits;
  ++launch_count.parallel;
  // Kokkos passes a kernel of more than 512 bytes through constant memory, and waits before it
  // writes the next one there, unless the kernel is marked as light.
  Kokkos::parallel_for(
      label,
      Kokkos::Experimental::require(
          typename Kernel::Policy(instance, league, Kernel::kTeam)
              .set_scratch_size(0, Kokkos::PerTeam(team_scratch_bytes<T>(Kernel::kScratch))),
          Kokkos::Experimental::WorkItemProperty::HintLightWeight),
      kernel);
  if (splits == 1) return;
  const std::ptrdiff_t all = problem.total + problem.total_sums;
  for_elements(instance, add_label, static_cast<std::size_t>(all),
               {double(splits) * all, double(sizeof(T)) * (splits + 1) * all},
               AddParts<T>{output, row_sums, workspace, problem.total, problem.total_sums, splits});
}

using LargeTiles = TileSizes<128, 128, 8, 8, 8>;
using MediumTiles = TileSizes<64, 64, 16, 4, 8>;
using SmallTiles = TileSizes<32, 32, 32, 4, 4>;

/// Returns the most parts that a k of this depth may be split into; each part costs writing and
/// adding its sums.
inline int most_splits(int k) {
  constexpr int kLeastDepth = 256, kMost = 64;
  return std::max(1, std::min(k / kLeastDepth, kMost));
}

/// Returns the plan for `count` products of this size: large tiles reuse more of the data that they
/// load; small tiles, and splitting a long k, give more teams.
inline TilePlan plan_tiles(int count, int m, int n, int k) {
  const int teams = teams_to_fill();
  const auto plan = [k, teams](TilePlan::Size size, int tiles) {
    const int wanted = tiles >= teams ? 1 : (2 * teams + tiles - 1) / tiles;
    return TilePlan{size, std::min(wanted, most_splits(k))};
  };
  const int large = count * LargeTiles::tiles(m, n), medium = count * MediumTiles::tiles(m, n);
  if (large >= teams && m > LargeTiles::kTileM / 2 && n > LargeTiles::kTileN / 2) {
    return plan(TilePlan::Size::large, large);
  }
  const bool wide = m > MediumTiles::kTileM / 2 && n > MediumTiles::kTileN / 2;
  if (wide && medium * most_splits(k) >= teams) {
    return plan(TilePlan::Size::medium, medium);
  }
  return plan(TilePlan::Size::small, count * SmallTiles::tiles(m, n));
}

/// Returns the scalars of workspace that suffice for a problem of at most this many outputs and row
/// sums and this depth: a smaller problem may be split into more parts.
inline std::size_t tile_workspace(std::size_t total, std::size_t sums, int k) {
  const std::size_t splits = most_splits(k);
  if (splits == 1) return 0;
  // Only problems with fewer tiles than teams_to_fill() are split, into less than three times that
  // number of teams.
  constexpr std::size_t kTile = MediumTiles::kTileM * MediumTiles::kTileN;
  return std::min(splits * total, 3 * std::size_t(teams_to_fill()) * kTile) + splits * sums;
}

/// Launches a problem with the plan's tiles.
template <class Space, class T, class Problem>
void launch_plan(const Space& instance, const std::string& label, const std::string& add_label,
                 const Problem& problem, const TileOutput<T>& output, T* row_sums,
                 const TilePlan& plan, T* workspace) {
  const auto launch = [&](auto sizes) {
    launch_tiles<Space, T, decltype(sizes)>(instance, label, add_label, problem, output, row_sums,
                                            plan.splits, workspace);
  };
  switch (plan.size) {
    case TilePlan::Size::large:
      return launch(LargeTiles());
    case TilePlan::Size::medium:
      return launch(MediumTiles());
    case TilePlan::Size::small:
      return launch(SmallTiles());
  }
}

}  // namespace ridgeline::kernels
