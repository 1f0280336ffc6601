#pragma once

#include <Kokkos_Core.hpp>

#include <string>

#include "kernels/gemm.hpp"

namespace ridgeline::kernels {

/// The device's matrix product: a team computes a tile [TileM, TileN] of C in steps of TileK,
/// through two tiles of A and B in team scratch (one is filled while the other is used), and every
/// thread keeps a block [ThreadM, ThreadN] of it in registers; after "Programming massively
/// parallel processors" (Kirk and Hwu) and CUTLASS. Tiles and team size are template parameters so
/// that small ones also run on OpenMP, where the tests check their indices, barriers and edges
/// without a device.
template <class Space, class T, int TileM, int TileN, int TileK, int ThreadM, int ThreadN>
struct DeviceGemm {
  static_assert(TileM % ThreadM == 0 && TileN % ThreadN == 0, "threads must cover the tile");
  static_assert(ThreadM % 4 == 0 && ThreadN % 4 == 0, "a thread reads scratch by fours");
  static_assert(TileM % 4 == 0 && TileN % 4 == 0 && TileK % 4 == 0, "tiles are loaded by fours");

  static constexpr int kThreadsM = TileM / ThreadM;
  static constexpr int kThreadsN = TileN / ThreadN;
  static constexpr int kTeam = kThreadsM * kThreadsN;
  static constexpr int kPad = 4;  // spreads the columns of a transposed store over scratch banks
  static constexpr int kStrideA = TileM + kPad, kStrideB = TileN + kPad;
  static constexpr int kScratchA = TileK * kStrideA, kScratchB = TileK * kStrideB;
  static constexpr std::size_t kScratchBytes = 2 * (kScratchA + kScratchB) * sizeof(T);
  static constexpr int kLoadsA = (TileM * TileK / 4 + kTeam - 1) / kTeam;
  static constexpr int kLoadsB = (TileN * TileK / 4 + kTeam - 1) / kTeam;

  using Policy = Kokkos::TeamPolicy<Space, Kokkos::LaunchBounds<kTeam, 1>>;
  using Member = typename Policy::member_type;

  /// Four scalars moved by one instruction where address and size allow.
  struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) Four {
    T value[4];
  };

  /// One operand in memory as [outer, k]; the other dimension than the contiguous one has `stride`.
  struct Operand {
    const T* data;
    const T* kept;
    int outer, k;
    std::size_t stride;
    bool k_contiguous;
    bool aligned;  // rows begin at multiples of four scalars
  };

  Operand a, b;
  T* c;
  T* pre_activation;
  const T* bias;
  T* row_sums;
  int m, n, k;
  Activation activation, derivative;

  static Operand operand(const T* data, const T* kept, int outer, int k, bool k_contiguous) {
    const std::size_t stride = static_cast<std::size_t>(k_contiguous ? k : outer);
    const auto aligned = [](const void* p) { return reinterpret_cast<std::size_t>(p) % 16 == 0; };
    return {data,
            kept,
            outer,
            k,
            stride,
            k_contiguous,
            stride % 4 == 0 && aligned(data) && (!kept || aligned(kept))};
  }

  static void launch(const Space& instance, const std::string& label,
                     const GemmArguments<Space, T>& args) {
    DeviceGemm kernel;
    kernel.m = static_cast<int>(args.c.extent(0));
    kernel.n = static_cast<int>(args.c.extent(1));
    kernel.k = static_cast<int>(args.transpose_a ? args.a.extent(0) : args.a.extent(1));
    kernel.a = operand(args.a.data(), args.kept.data(), kernel.m, kernel.k, !args.transpose_a);
    kernel.b = operand(args.b.data(), nullptr, kernel.n, kernel.k, args.transpose_b);
    kernel.c = args.c.data();
    kernel.pre_activation = args.pre_activation.data();
    kernel.bias = args.bias.data();
    kernel.row_sums = args.row_sums.data();
    kernel.activation = args.activation;
    kernel.derivative = args.derivative;
    const int league = tiles(kernel.m, kernel.n);
    ++launch_count.parallel;
    Kokkos::parallel_for(
        label,
        Policy(instance, league, kTeam).set_scratch_size(0, Kokkos::PerTeam(int(kScratchBytes))),
        kernel);
  }

  /// Teams that a product of this size launches.
  static int tiles(int m, int n) { return ((m + TileM - 1) / TileM) * ((n + TileN - 1) / TileN); }

  // Fetches a thread's share of the tile [Outer, TileK] at (outer0, k0) into registers, zeros
  // beyond the edges, times the derivative if there is one.
  template <int Outer, int Loads>
  KOKKOS_FUNCTION void fetch(const Operand& from, int thread, int outer0, int k0,
                             T (&registers)[Loads][4]) const {
    for (int load = 0; load < Loads; ++load) {
      const int item = thread + load * kTeam;
      for (int i = 0; i < 4; ++i) registers[load][i] = T(0);
      if (item >= Outer * TileK / 4) continue;
      // Neighbouring threads read neighbouring fours along the contiguous dimension.
      const int per_line = from.k_contiguous ? TileK / 4 : Outer / 4;
      const int line = item / per_line, along = item % per_line * 4;
      const int outer = outer0 + (from.k_contiguous ? line : along);
      const int at_k = k0 + (from.k_contiguous ? along : line);
      if (outer >= from.outer || at_k >= from.k) continue;
      const int left = from.k_contiguous ? from.k - at_k : from.outer - outer;
      const std::size_t at = from.k_contiguous
                                 ? static_cast<std::size_t>(outer) * from.stride + at_k
                                 : static_cast<std::size_t>(at_k) * from.stride + outer;
      if (from.aligned && left >= 4) {
        const Four four = *reinterpret_cast<const Four*>(from.data + at);
        for (int i = 0; i < 4; ++i) registers[load][i] = four.value[i];
      } else {
        for (int i = 0; i < 4; ++i) {
          if (i < left) registers[load][i] = from.data[at + i];
        }
      }
      if (from.kept) {
        with_activation(derivative, [&](auto f) {
          for (int i = 0; i < 4; ++i) {
            if (i < left) registers[load][i] *= kernels::derivative<f()>(from.kept[at + i]);
          }
        });
      }
    }
  }

  // Puts what `fetch` brought into scratch as tile[k][outer].
  template <int Outer, int Stride, int Loads>
  KOKKOS_FUNCTION void put(const Operand& from, int thread, const T (&registers)[Loads][4],
                           T* tile) const {
    for (int load = 0; load < Loads; ++load) {
      const int item = thread + load * kTeam;
      if (item >= Outer * TileK / 4) continue;
      const int per_line = from.k_contiguous ? TileK / 4 : Outer / 4;
      const int line = item / per_line, along = item % per_line * 4;
      for (int i = 0; i < 4; ++i) {
        const int outer = from.k_contiguous ? line : along + i;
        const int k_in_tile = from.k_contiguous ? along + i : line;
        tile[k_in_tile * Stride + outer] = registers[load][i];
      }
    }
  }

  // Index in the tile of register `i` of thread `t`: by fours, the fours of all threads side by
  // side.
  template <int Threads>
  KOKKOS_FUNCTION static int index(int t, int i) {
    return i / 4 * (Threads * 4) + t * 4 + i % 4;
  }

  KOKKOS_FUNCTION void operator()(const Member& team) const {
    const int tiles_m = (m + TileM - 1) / TileM;
    const int m0 = team.league_rank() % tiles_m * TileM;
    const int n0 = team.league_rank() / tiles_m * TileN;
    const int thread = team.team_rank();
    const int thread_m = thread / kThreadsN, thread_n = thread % kThreadsN;
    const std::size_t scratch_bytes = kScratchBytes;  // a device has no address of the constant
    T* scratch = static_cast<T*>(team.team_shmem().get_shmem(scratch_bytes));
    T* tile_a[2] = {scratch, scratch + kScratchA};
    T* tile_b[2] = {scratch + 2 * kScratchA, scratch + 2 * kScratchA + kScratchB};

    T sum[ThreadM][ThreadN];
    T a_sum[ThreadM];
    for (int i = 0; i < ThreadM; ++i) {
      a_sum[i] = T(0);
      for (int j = 0; j < ThreadN; ++j) sum[i][j] = T(0);
    }
    T next_a[kLoadsA][4], next_b[kLoadsB][4];
    fetch<TileM>(a, thread, m0, 0, next_a);
    fetch<TileN>(b, thread, n0, 0, next_b);
    put<TileM, kStrideA>(a, thread, next_a, tile_a[0]);
    put<TileN, kStrideB>(b, thread, next_b, tile_b[0]);
    team.team_barrier();
    const int steps = (k + TileK - 1) / TileK;
    for (int step = 0; step < steps; ++step) {
      const bool more = step + 1 < steps;
      if (more) {  // the loads are under way while this step computes
        fetch<TileM>(a, thread, m0, (step + 1) * TileK, next_a);
        fetch<TileN>(b, thread, n0, (step + 1) * TileK, next_b);
      }
      const T* now_a = tile_a[step % 2];
      const T* now_b = tile_b[step % 2];
      for (int kk = 0; kk < TileK; ++kk) {
        T av[ThreadM], bv[ThreadN];
        for (int i = 0; i < ThreadM; ++i)
          av[i] = now_a[kk * kStrideA + index<kThreadsM>(thread_m, i)];
        for (int j = 0; j < ThreadN; ++j)
          bv[j] = now_b[kk * kStrideB + index<kThreadsN>(thread_n, j)];
        for (int i = 0; i < ThreadM; ++i) {
          a_sum[i] += av[i];
          for (int j = 0; j < ThreadN; ++j) sum[i][j] += av[i] * bv[j];
        }
      }
      if (more) {
        put<TileM, kStrideA>(a, thread, next_a, tile_a[(step + 1) % 2]);
        put<TileN, kStrideB>(b, thread, next_b, tile_b[(step + 1) % 2]);
      }
      team.team_barrier();
    }

    for (int i = 0; i < ThreadM; ++i) {
      const int row = m0 + index<kThreadsM>(thread_m, i);
      if (row >= m) continue;
      if (row_sums && n0 == 0 && thread_n == 0) row_sums[row] = a_sum[i];
      for (int j = 0; j < ThreadN; ++j) {
        const int column = n0 + index<kThreadsN>(thread_n, j);
        if (column >= n) continue;
        const std::size_t at = static_cast<std::size_t>(row) * n + column;
        T z = sum[i][j];
        if (bias) z += bias[column];
        if (pre_activation) pre_activation[at] = z;
        with_activation(activation, [&](auto f) { c[at] = activate<f()>(z); });
      }
    }
  }
};

/// Launches the tile size that fills a device best for this shape: large tiles reuse more of what
/// they load, small ones give more teams to share the work.
template <class Space, class T>
void device_gemm(const Space& instance, const std::string& label,
                 const GemmArguments<Space, T>& args) {
  using Large = DeviceGemm<Space, T, 128, 128, 8, 8, 8>;
  using Medium = DeviceGemm<Space, T, 64, 64, 16, 4, 8>;
  using Small = DeviceGemm<Space, T, 32, 32, 32, 4, 4>;
  const int m = static_cast<int>(args.c.extent(0)), n = static_cast<int>(args.c.extent(1));
  constexpr int kTeamsToFill = 96;  // of the order of a device's multiprocessors
  if (Large::tiles(m, n) >= kTeamsToFill) {
    Large::launch(instance, label, args);
  } else if (Medium::tiles(m, n) >= kTeamsToFill) {
    Medium::launch(instance, label, args);
  } else {
    Small::launch(instance, label, args);
  }
}

}  // namespace ridgeline::kernels
