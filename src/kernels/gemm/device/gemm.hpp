#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <string>

#include "kernels/gemm/gemm.hpp"
#include "kernels/tiles/device_tile.hpp"

namespace ridgeline::kernels {

/// One operand in memory as [outer, k]; `stride` is that of the dimension that is not contiguous.
/// It is multiplied by derivative(kept) if `kept` is not null.
template <class T>
struct MatrixOperand {
  const T* data;
  const T* kept;
  int outer, k;
  std::size_t stride;
  bool k_contiguous;
  bool aligned;  ///< rows begin at multiples of four scalars
  Activation derivative;

  MatrixOperand() = default;
  MatrixOperand(const T* values, const T* factor, Activation f, int rows, int depth,
                bool contiguous_k)
      : data(values),
        kept(factor),
        outer(rows),
        k(depth),
        stride(static_cast<std::size_t>(contiguous_k ? depth : rows)),
        k_contiguous(contiguous_k),
        derivative(f) {
    const auto aligns = [](const void* p) { return reinterpret_cast<std::size_t>(p) % 16 == 0; };
    aligned = stride % 4 == 0 && aligns(data) && (!kept || aligns(kept));
  }

  KOKKOS_FUNCTION void load4(int row, int at_k, T (&values)[4]) const {
    if (row >= outer || at_k >= k) return;
    const int left = k_contiguous ? k - at_k : outer - row;
    const std::size_t at = k_contiguous ? static_cast<std::size_t>(row) * stride + at_k
                                        : static_cast<std::size_t>(at_k) * stride + row;
    if (aligned && left >= 4) {
      const Four<T> loaded = *reinterpret_cast<const Four<T>*>(data + at);
      for (int i = 0; i < 4; ++i) values[i] = loaded.value[i];
    } else {
      for (int i = 0; i < 4; ++i) {
        if (i < left) values[i] = data[at + i];
      }
    }
    if (kept) {
      Four<T> factors;
      for (int i = 0; i < 4; ++i) factors.value[i] = i < left ? kept[at + i] : T(0);
      factors = derivatives_of(derivative, factors);
      for (int i = 0; i < 4; ++i) values[i] *= factors.value[i];
    }
  }
};

/// C[m, n] = A[m, k] B[n, k]ᵀ as a problem of device_tile.hpp.
template <class T>
struct GemmProblem {
  struct Work {
    MatrixOperand<T> a, b;
    int m0, n0, k_end, n;
    bool sums;

    KOKKOS_FUNCTION std::ptrdiff_t row_position(int row) const {
      return row < a.outer ? static_cast<std::ptrdiff_t>(row) * n : -1;
    }
    KOKKOS_FUNCTION std::ptrdiff_t column_position(int column) const {
      return column < n ? column : -1;
    }
    KOKKOS_FUNCTION std::ptrdiff_t channel(int /*row*/, int column) const { return column; }
    KOKKOS_FUNCTION std::ptrdiff_t sum_position(int row) const {
      return sums && n0 == 0 && row < a.outer ? row : -1;
    }
  };

  MatrixOperand<T> a, b;
  bool sums;
  std::ptrdiff_t total, total_sums;

  int depth() const { return a.k; }
  int tiles(int tile_m, int tile_n) const {
    return ((a.outer + tile_m - 1) / tile_m) * ((b.outer + tile_n - 1) / tile_n);
  }
  KOKKOS_FUNCTION Work work(int tile, int tile_m, int tile_n, int k_end) const {
    const int tiles_m = (a.outer + tile_m - 1) / tile_m;
    Work work{a, b, tile % tiles_m * tile_m, tile / tiles_m * tile_n, k_end, b.outer, sums};
    if (work.k_end > a.k) work.k_end = a.k;
    work.a.k = work.b.k = work.k_end;
    return work;
  }
};

template <class Space, class T>
GemmProblem<T> gemm_problem(const GemmArguments<Space, T>& args) {
  const int m = static_cast<int>(args.c.extent(0)), n = static_cast<int>(args.c.extent(1));
  const int k = static_cast<int>(args.transpose_a ? args.a.extent(0) : args.a.extent(1));
  const bool sums = args.row_sums.data() != nullptr;
  return {
      MatrixOperand<T>(args.a.data(), args.kept.data(), args.derivative, m, k, !args.transpose_a),
      MatrixOperand<T>(args.b.data(), nullptr, Activation::identity, n, k, args.transpose_b), sums,
      static_cast<std::ptrdiff_t>(m) * n, sums ? m : 0};
}

template <class Space, class T>
TileOutput<T> gemm_output(const GemmArguments<Space, T>& args) {
  return {args.c.data(),
          args.pre_activation.data(),
          args.bias.data(),
          args.activation,
          1,
          static_cast<std::ptrdiff_t>(args.c.extent(1))};
}

/// The device's matrix product with tiles of one size. Sizes are template parameters so that small
/// tiles also run on OpenMP, where the tests check their indices, barriers and edges without a
/// device. If k is split, `workspace` holds splits · (m · n + m) scalars.
template <class Space, class T, int TileM, int TileN, int TileK, int ThreadM, int ThreadN>
struct DeviceGemm {
  using Sizes = TileSizes<TileM, TileN, TileK, ThreadM, ThreadN>;
  static constexpr int kTeam = Sizes::kTeam;

  static void launch(const Space& instance, const std::string& label,
                     const GemmArguments<Space, T>& args, int splits = 1, T* workspace = nullptr) {
    launch_tiles<Space, T, Sizes>(instance, label, label, gemm_problem(args), gemm_output(args),
                                  args.row_sums.data(), splits, workspace);
  }
};

inline TilePlan plan_device_gemm(const GemmShape& shape) {
  return plan_tiles(1, static_cast<int>(shape.m), static_cast<int>(shape.n),
                    static_cast<int>(shape.k));
}

inline std::size_t device_gemm_workspace(const GemmShape& shape) {
  return tile_workspace(shape.m * shape.n, shape.row_sums ? shape.m : 0, static_cast<int>(shape.k));
}

/// Launches the product with the tiles that suit this shape.
template <class Space, class T>
void device_gemm(const Space& instance, const GemmLabels& labels,
                 const GemmArguments<Space, T>& args, const GemmShape& shape,
                 const Vector<Space, T>& workspace) {
  launch_plan(instance, labels.product, labels.finish, gemm_problem(args), gemm_output(args),
              args.row_sums.data(), plan_device_gemm(shape), workspace.data());
}

}  // namespace ridgeline::kernels
