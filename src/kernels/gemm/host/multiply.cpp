#include <algorithm>

#include "kernels/gemm/host/gemm.hpp"
#include "kernels/tiles/host_lanes.hpp"
#include "kernels/tiles/host_line.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {
namespace {

// Adds a tile [rows, columns] to the sums of earlier blocks of k in C; the last block adds the bias
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
    constexpr int kLane = kLanes<T>;
    if (gemm.c_column_stride == 1) {
      if (!bias && !pre && F == Activation::identity) return add_up(tile, rows, columns, c);
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < columns; j += kLane) {
          const std::ptrdiff_t at = i * gemm.c_row_stride + j;
          finish_line<F>(tile + i * kColumns<T> + j, std::min(kLane, columns - j),
                         bias ? bias + j0 + j : nullptr, pre ? pre + at : nullptr, c + at);
        }
      }
      return;
    }
    // If exchanged, C's rows run along the tile's columns, and the bias along its rows.
    alignas(64) T lines[kLane * kLane];
    for (int r = 0; r < rows; r += kLane) {
      for (int j = 0; j < columns; j += kLane) {
        transpose_square<T>(tile + r * kColumns<T> + j, kColumns<T>, lines, kLane);
        for (int line = 0; line < std::min(kLane, columns - j); ++line) {
          const std::ptrdiff_t at = (j + line) * gemm.c_column_stride + r;
          finish_line<F>(lines + line * kLane, std::min(kLane, rows - r),
                         bias ? bias + i0 + r : nullptr, pre ? pre + at : nullptr, c + at);
        }
      }
    }
  }

  // Adds sums alone, the most frequent case.
  void add_up(const T* tile, int rows, int columns, T* c) const {
    for (int i = 0; i < rows; ++i, tile += kColumns<T>, c += gemm.c_row_stride) {
      if (first) {
        for (int j = 0; j < columns; ++j) c[j] = tile[j];
      } else {
        for (int j = 0; j < columns; ++j) c[j] += tile[j];
      }
    }
  }

  // Applies the activation to a whole vector. Expensive functions are kept out of line, so that
  // each is one function of vector code for all callers.
  template <Activation F>
  static void activate_lanes(T* z) {
    for (int i = 0; i < kLanes<T>; ++i) z[i] = activate<F>(z[i]);
  }
  template <Activation F>
  [[gnu::noinline]] static void activate_apart(T* z) {
    activate_lanes<F>(z);
  }

  // Finishes at most one vector of a row of C.
  template <Activation F>
  void finish_line(const T* sums, int count, const T* bias, T* pre, T* c) const {
    Vector<T> values = load<T>(sums);
    T* const z = reinterpret_cast<T*>(&values);
    const bool whole = count == kLanes<T>;
    if (whole) {
      if (!first) values += load<T>(c);
      if (bias) values += load<T>(bias);
      if (pre) store<T>(pre, values);
    } else {
      for (int i = 0; !first && i < count; ++i) z[i] += c[i];
      for (int i = 0; bias && i < count; ++i) z[i] += bias[i];
      if (pre) copy_short<T>(count, z, pre);
    }
    if constexpr (F == Activation::relu || F == Activation::leaky_relu) {
      activate_lanes<F>(z);
    } else if constexpr (F != Activation::identity) {
      activate_apart<F>(z);
    }
    if (whole) {
      store<T>(c, values);
    } else {
      copy_short<T>(count, z, c);
    }
  }

  // Does the same for few columns, for which transposing whole squares does not pay off.
  template <Activation F>
  void run_few(const T* tile, int i0, int rows, int columns) const {
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) {
        const std::ptrdiff_t at = (i0 + i) * gemm.c_row_stride + j * gemm.c_column_stride;
        T z = tile[i * kColumns<T> + j];
        if (gemm.bias) z += gemm.bias[gemm.c_column_stride == 1 ? j : i0 + i];
        if (gemm.pre_activation) gemm.pre_activation[at] = z;
        gemm.c[at] = activate<F>(z);
      }
    }
  }
};

// Prefetches the lines of a tile of C while the tile is computed.
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

// Adds `depth` packed values of each of a panel's rows to the row sums, several k at a time, so
// that whole vectors are added.
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
  // Whole squares of it are transposed if C is computed as its transpose.
  alignas(64) T tile[Finish<T>::kPaddedRows * kColumns<T>] = {};
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

// Computes dot products along k of `Count` rows and one column, with four vectors of k at a time.
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
    for (int tail = k; tail < gemm.plan.k; ++tail) value += w[i][tail] * x[tail];
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
      finish.template run_few<function()>(tile, i0, rows, plan.n);
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
