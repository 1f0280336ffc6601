#include <algorithm>

#include "kernels/host_gemm.hpp"
#include "kernels/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Adds a tile [rows, columns] to what earlier blocks of k left in C; the last block adds the bias
// and applies the activation.
template <class T>
struct Finish {
  static constexpr int kPaddedRows = ceil_div(kRows, kLanes<T>) * kLanes<T>;

  const Gemm<T>& gemm;
  bool first, last;

  template <Activation F>
  void run(const T* tile, int i0, int rows, int j0, int columns) const {
    const T* bias = last ? gemm.bias : nullptr;
    const std::ptrdiff_t origin = i0 * gemm.c_row_stride + j0 * gemm.c_column_stride;
    T* c = gemm.c + origin;
    T* pre = last && gemm.pre_activation ? gemm.pre_activation + origin : nullptr;
    if (gemm.c_column_stride == 1) {
      for (int i = 0; i < rows; ++i) {
        const T* sums = tile + i * kColumns<T>;
        T* row = c + i * gemm.c_row_stride;
        if (!bias && !pre && F == Activation::identity) {
          if (first) {
            for (int j = 0; j < columns; ++j) row[j] = sums[j];
          } else {
            for (int j = 0; j < columns; ++j) row[j] += sums[j];
          }
          continue;
        }
        T* pre_row = pre ? pre + i * gemm.c_row_stride : nullptr;
        T z[kColumns<T>];
        for (int j = 0; j < columns; ++j) z[j] = sums[j] + (first ? T(0) : row[j]);
        if (bias) {
          for (int j = 0; j < columns; ++j) z[j] += bias[j0 + j];
        }
        if (pre_row) {
          for (int j = 0; j < columns; ++j) pre_row[j] = z[j];
        }
        for (int j = 0; j < columns; ++j) row[j] = activate<F>(z[j]);
      }
    } else {  // exchanged: C's rows run along the tile's columns, and the bias along its rows
      // A column at a time; all kRows of it are computed, so that the loop is one of whole vectors.
      for (int j = 0; j < columns; ++j) {
        const std::ptrdiff_t at = j * gemm.c_column_stride;
        alignas(64) T z[kPaddedRows] = {};
        for (int i = 0; i < rows; ++i) z[i] = tile[i * kColumns<T> + j];
        if (!first) {
          for (int i = 0; i < rows; ++i) z[i] += c[at + i];
        }
        if (last) {
          if (bias) {
            for (int i = 0; i < rows; ++i) z[i] += bias[i0 + i];
          }
          if (pre) {
            for (int i = 0; i < rows; ++i) pre[at + i] = z[i];
          }
          for (int i = 0; i < kPaddedRows; ++i) z[i] = activate<F>(z[i]);
        }
        for (int i = 0; i < rows; ++i) c[at + i] = z[i];
      }
    }
  }
};

// Asks for the lines of a tile of C, so that they arrive while the tile is computed.
template <class T>
void prefetch_tile(const Gemm<T>& gemm, int i0, int rows, int j0, int columns) {
  constexpr int kLine = 64 / static_cast<int>(sizeof(T));
  const T* c = gemm.c + i0 * gemm.c_row_stride + j0 * gemm.c_column_stride;
  const bool row_major = gemm.c_column_stride == 1;
  const int lines = row_major ? rows : columns, length = row_major ? columns : rows;
  const std::ptrdiff_t stride = row_major ? gemm.c_row_stride : gemm.c_column_stride;
  for (int i = 0; i < lines; ++i) {
    for (int j = 0; j < length; j += kLine) __builtin_prefetch(c + i * stride + j, 1);
  }
}

// Adds `depth` packed values of each of a panel's rows to its sums: several k at a time, so that
// these are whole vectors.
template <class T>
void add_row_sums(const T* packed, int depth, bool first, int rows, T* sums) {
  constexpr int kStep = 8;
  T partial[kStep * kRows] = {};
  int k = 0;
  for (; k + kStep <= depth; k += kStep) {
    const T* from = packed + static_cast<std::ptrdiff_t>(k) * kRows;
    for (int i = 0; i < kStep * kRows; ++i) partial[i] += from[i];
  }
  for (; k < depth; ++k) {
    for (int i = 0; i < kRows; ++i)
      partial[i] += packed[static_cast<std::ptrdiff_t>(k) * kRows + i];
  }
  for (int i = 0; i < rows; ++i) {
    T total = first ? T(0) : sums[i];
    for (int j = 0; j < kStep; ++j) total += partial[j * kRows + i];
    sums[i] = total;
  }
}

template <class T>
void multiply_block(const Gemm<T>& gemm, int block) {
  const GemmPlan& plan = gemm.plan;
  const int row_blocks = ceil_div(plan.m, plan.tile_m);
  const int column_blocks = ceil_div(plan.n, plan.tile_n);
  const int panels = ceil_div(plan.n, kColumns<T>);
  const int row_panels = ceil_div(plan.m, kRows);
  const int row_block = block % row_blocks, column_block = block / row_blocks;
  const int row_panel_begin = part(row_panels, row_blocks, row_block);
  const int row_panel_end = part(row_panels, row_blocks, row_block + 1);
  const int panel_begin = part(panels, column_blocks, column_block);
  const int panel_end = part(panels, column_blocks, column_block + 1);
  const int k_blocks = std::max(1, ceil_div(plan.k, plan.k_block));
  alignas(64) T tile[kRows * kColumns<T>];
  for (int kb = 0; kb < k_blocks; ++kb) {
    const int k0 = part(plan.k, k_blocks, kb), k1 = part(plan.k, k_blocks, kb + 1);
    const Finish<T> finish{gemm, kb == 0, kb + 1 == k_blocks};
    const Activation f = finish.last ? gemm.activation : Activation::identity;
    for (int rp = row_panel_begin; rp < row_panel_end; ++rp) {
      const int i0 = part(plan.m, row_panels, rp);
      const int rows = part(plan.m, row_panels, rp + 1) - i0;
      const T* a;
      std::ptrdiff_t a_outer, a_k;
      if (plan.pack_rows) {
        a = gemm.packed_rows + (static_cast<std::ptrdiff_t>(rp) * plan.k + k0) * kRows;
        a_outer = 1;
        a_k = kRows;
        if (gemm.row_sums && column_block == 0) {
          add_row_sums(a, k1 - k0, kb == 0, rows, gemm.row_sums + i0);
        }
      } else {
        a = gemm.rows.data + i0 * gemm.rows.outer_stride + k0 * gemm.rows.k_stride;
        a_outer = gemm.rows.outer_stride;
        a_k = gemm.rows.k_stride;
      }
      const TileKernel<T> kernel = tile_kernel<T>(rows);
      for (int p = panel_begin; p < panel_end; ++p) {
        const int j0 = p * kColumns<T>;
        prefetch_tile(gemm, i0, rows, j0, std::min(kColumns<T>, plan.n - j0));
        const int first_packed = panels - plan.packed_panels;
        if (p >= first_packed) {
          const T* b = gemm.packed_columns +
                       (static_cast<std::ptrdiff_t>(p - first_packed) * plan.k + k0) * kColumns<T>;
          kernel(k1 - k0, a, a_outer, a_k, b, kColumns<T>, tile);
        } else {
          const T* b = gemm.columns.data + k0 * gemm.columns.k_stride + j0;
          kernel(k1 - k0, a, a_outer, a_k, b, gemm.columns.k_stride, tile);
        }
        const int columns = std::min(kColumns<T>, plan.n - j0);
        with_activation(f, [&](auto function) {
          finish.template run<function()>(tile, i0, rows, j0, columns);
        });
      }
    }
  }
}

// Dot products along k of `Count` rows and one column, with four vectors of k at a time.
template <class T, int Count>
void dot_rows(const Gemm<T>& gemm, int i0, int j, T* result) {
  constexpr int kDepth = 4;
  const int lanes = kLanes<T>, step = kDepth * lanes;
  const T* x = gemm.columns.data + j * gemm.columns.outer_stride;
  const T* w[Count];
  for (int i = 0; i < Count; ++i) w[i] = gemm.rows.data + (i0 + i) * gemm.rows.outer_stride;
  Vector<T> sum[Count][kDepth] = {};
  int k = 0;
  for (; k + step <= gemm.plan.k; k += step) {
#pragma GCC unroll 4
    for (int v = 0; v < kDepth; ++v) {
      const Vector<T> value = load<T>(x + k + v * lanes);
#pragma GCC unroll 4
      for (int i = 0; i < Count; ++i) sum[i][v] += value * load<T>(w[i] + k + v * lanes);
    }
  }
  for (int i = 0; i < Count; ++i) {
    const Vector<T> total = (sum[i][0] + sum[i][1]) + (sum[i][2] + sum[i][3]);
    T value = T(0);
    for (int lane = 0; lane < lanes; ++lane) value += total[lane];
    for (int rest = k; rest < gemm.plan.k; ++rest) value += w[i][rest] * x[rest];
    result[i * kColumns<T>] = value;
  }
}

template <class T>
void dot_block(const Gemm<T>& gemm, int block) {
  constexpr int kCount = 4;
  const GemmPlan& plan = gemm.plan;
  const int begin = block * plan.tile_m, end = std::min(plan.m, begin + plan.tile_m);
  T tile[kCount * kColumns<T>];
  const Finish<T> finish{gemm, true, true};
  for (int i0 = begin; i0 < end; i0 += kCount) {
    const int rows = std::min(kCount, end - i0);
    for (int j = 0; j < plan.n; ++j) {
      if (rows == kCount) {
        dot_rows<T, kCount>(gemm, i0, j, tile + j);
      } else {
        for (int i = 0; i < rows; ++i) dot_rows<T, 1>(gemm, i0 + i, j, tile + i * kColumns<T> + j);
      }
    }
    with_activation(gemm.activation, [&](auto function) {
      finish.template run<function()>(tile, i0, rows, 0, plan.n);
    });
  }
}

}  // namespace

template <class T>
void Gemm<T>::multiply(int block) const {
  if (plan.dot) {
    dot_block(*this, block);
  } else {
    multiply_block(*this, block);
  }
}

template void Gemm<float>::multiply(int) const;
template void Gemm<double>::multiply(int) const;

}  // namespace ridgeline::kernels::host
