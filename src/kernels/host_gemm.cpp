#include "kernels/host_gemm.hpp"

#include <algorithm>

namespace ridgeline::kernels::host {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRows = 14;  // 14 × 2 accumulators of 32 registers
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kRows = 6;  // 6 × 2 accumulators of 16 registers
#else
constexpr int kVectorBytes = 16;
constexpr int kRows = 6;
#endif
constexpr int kVectors = 2;

template <class T>
using Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias)) = T;
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int kColumns = kVectors* kLanes<T>;

int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Start of part `i` when `n` is cut into `parts` as evenly as can be.
int part(int n, int parts, int i) {
  return static_cast<int>(static_cast<long long>(n) * i / parts);
}

template <class T>
const Vector<T>& load(const T* p) {
  return *reinterpret_cast<const Vector<T>*>(p);
}
template <class T>
void store(T* p, const Vector<T>& v) {
  *reinterpret_cast<Vector<T>*>(p) = v;
}

// tile[R][kColumns] = sum over k of a[i, k] · b[k, :].
template <class T, int R>
void multiply_tile(int depth, const T* a, std::ptrdiff_t a_outer, std::ptrdiff_t a_k, const T* b,
                   std::ptrdiff_t b_k, T* tile) {
  Vector<T> sum[R][kVectors] = {};
  for (int k = 0; k < depth; ++k) {
    Vector<T> column[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) column[v] = load<T>(b + v * kLanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const T value = a[i * a_outer];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[i][v] += value * column[v];
    }
    a += a_k;
    b += b_k;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store<T>(tile + i * kColumns<T> + v * kLanes<T>, sum[i][v]);
  }
}

template <class T>
using TileKernel = void (*)(int, const T*, std::ptrdiff_t, std::ptrdiff_t, const T*, std::ptrdiff_t,
                            T*);

template <class T, int R = kRows>
TileKernel<T> tile_kernel(int rows) {
  if constexpr (R > 1) {
    if (rows < R) return tile_kernel<T, R - 1>(rows);
  }
  return multiply_tile<T, R>;
}

// Copies one panel of `width` (at most `stride`) outer indices from `first`, all k, to
// packed[k][stride], padded with zeros; multiplies by the derivative if there is one, and adds up
// over k if sums are wanted.
template <class T, int Stride, Activation F, bool HasFactor>
void pack_panel(const Operand<T>& from, int first, int width, int depth, T* packed, T* sums) {
  const T* data = from.data + first * from.outer_stride;
  const T* kept = HasFactor ? from.kept + first * from.outer_stride : nullptr;
  const auto value = [&](std::ptrdiff_t at) {
    if constexpr (HasFactor) return data[at] * derivative<F>(kept[at]);
    return data[at];
  };
  if (from.outer_stride == 1) {
    for (int k = 0; k < depth; ++k) {
      T* row = packed + static_cast<std::ptrdiff_t>(k) * Stride;
      if (width == Stride) {
        for (int i = 0; i < Stride; ++i) row[i] = value(k * from.k_stride + i);
      } else {
        for (int i = 0; i < width; ++i) row[i] = value(k * from.k_stride + i);
        for (int i = width; i < Stride; ++i) row[i] = T(0);
      }
    }
  } else {
    // Blocks of k, so that a panel's lines stay in cache while each is filled column by column.
    constexpr int kDepth = 64 / static_cast<int>(sizeof(T));
    for (int k0 = 0; k0 < depth; k0 += kDepth) {
      const int k1 = std::min(depth, k0 + kDepth);
      for (int i = 0; i < Stride; ++i) {
        T* column = packed + i;
        if (i < width) {
          for (int k = k0; k < k1; ++k) {
            column[static_cast<std::ptrdiff_t>(k) * Stride] =
                value(i * from.outer_stride + k * from.k_stride);
          }
        } else {
          for (int k = k0; k < k1; ++k) column[static_cast<std::ptrdiff_t>(k) * Stride] = T(0);
        }
      }
    }
  }
  if (sums) {
    T total[Stride] = {};
    for (int k = 0; k < depth; ++k) {
      for (int i = 0; i < Stride; ++i)
        total[i] += packed[static_cast<std::ptrdiff_t>(k) * Stride + i];
    }
    for (int i = 0; i < width; ++i) sums[first + i] = total[i];
  }
}

template <class T, int Stride>
void pack_panel(const Operand<T>& from, int first, int width, int depth, T* packed, T* sums) {
  if (!from.kept) {
    return pack_panel<T, Stride, Activation::identity, false>(from, first, width, depth, packed,
                                                              sums);
  }
  with_activation(from.derivative, [&](auto f) {
    pack_panel<T, Stride, f(), true>(from, first, width, depth, packed, sums);
  });
}

// Adds a tile [rows, columns] to what earlier blocks of k left in C; the last block adds the bias
// and applies the activation.
template <class T>
struct Finish {
  const Gemm<T>& gemm;
  bool first, last;

  template <Activation F>
  T value(T sum, const T* c, T bias, T* pre_activation) const {
    if (!first) sum += *c;
    if (!last) return sum;
    sum += bias;
    if (pre_activation) *pre_activation = sum;
    return activate<F>(sum);
  }

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
      for (int j = 0; j < columns; ++j) {
        const std::ptrdiff_t at = j * gemm.c_column_stride;
        for (int i = 0; i < rows; ++i) {
          c[at + i] = value<F>(tile[i * kColumns<T> + j], c + at + i, bias ? bias[i0 + i] : T(0),
                               pre ? pre + at + i : nullptr);
        }
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
GemmPlan plan_gemm(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k, bool a_factor,
                   bool row_sums) {
  GemmPlan plan{};
  // Scalars moved to pack either side; one whose vectors must be gathered across rows costs more.
  const double gather = 1.5;
  const double kept = (b_contiguous_k ? gather : 1.0) * n * k + (a_factor ? double(m) * k : 0.0);
  const double exchanged = (a_contiguous_k ? gather : 1.0) * m * k + 2.0 * m * n +
                           (b_contiguous_k ? 0.0 : double(n) * k);
  plan.exchanged = !row_sums && exchanged < kept;
  plan.m = plan.exchanged ? n : m;
  plan.n = plan.exchanged ? m : n;
  plan.k = k;
  const bool rows_contiguous = plan.exchanged ? b_contiguous_k : a_contiguous_k;
  const bool columns_contiguous = plan.exchanged ? a_contiguous_k : b_contiguous_k;
  const bool factor_on_rows = a_factor && !plan.exchanged;
  const bool factor_on_columns = a_factor && plan.exchanged;

  plan.dot = plan.n <= 4 && rows_contiguous && columns_contiguous && !a_factor && !row_sums;
  const int panels = ceil_div(plan.n, kColumns<T>);
  const int row_panels = ceil_div(plan.m, kRows);
  if (plan.dot) {
    plan.tile_m = 32;
    plan.tile_n = plan.n;
    plan.k_block = std::max(1, k);
    return plan;
  }
  plan.pack_rows = factor_on_rows || row_sums || !rows_contiguous || panels >= 16;
  const bool in_place = !columns_contiguous && !factor_on_columns && row_panels <= 4;
  plan.packed_panels = !in_place ? panels : (plan.n % kColumns<T> != 0 ? 1 : 0);

  plan.k_block = 384;
  // Blocks large enough to reuse what they load, small enough that many threads share the work.
  int tile_rows = 8, tile_panels = 8;
  const auto blocks = [&] {
    return ceil_div(row_panels, tile_rows) * ceil_div(panels, tile_panels);
  };
  while (blocks() < 32 && (tile_rows > 2 || tile_panels > 2)) {
    (tile_rows >= tile_panels ? tile_rows : tile_panels) /= 2;
  }
  plan.tile_m = tile_rows * kRows;
  plan.tile_n = tile_panels * kColumns<T>;
  plan.row_panels_per_block = std::max(1, 4096 / std::max(1, k * kRows));
  plan.column_panels_per_block = std::max(1, 4096 / std::max(1, k * kColumns<T>));
  return plan;
}

template <class T>
std::size_t packed_rows_size(const GemmPlan& plan) {
  return plan.pack_rows ? std::size_t(ceil_div(plan.m, kRows)) * kRows * plan.k : 0;
}
template <class T>
std::size_t packed_columns_size(const GemmPlan& plan) {
  return std::size_t(plan.packed_panels) * kColumns<T> * plan.k;
}

template <class T>
int Gemm<T>::pack_blocks() const {
  const int rows =
      plan.pack_rows ? ceil_div(ceil_div(plan.m, kRows), plan.row_panels_per_block) : 0;
  const int columns =
      plan.packed_panels ? ceil_div(plan.packed_panels, plan.column_panels_per_block) : 0;
  return rows + columns;
}

template <class T>
int Gemm<T>::product_blocks() const {
  if (plan.dot) return ceil_div(plan.m, plan.tile_m);
  return ceil_div(plan.m, plan.tile_m) * ceil_div(plan.n, plan.tile_n);
}

template <class T>
void Gemm<T>::pack(int block) const {
  const int row_panels = ceil_div(plan.m, kRows);
  const int row_blocks = plan.pack_rows ? ceil_div(row_panels, plan.row_panels_per_block) : 0;
  if (block < row_blocks) {
    const int begin = block * plan.row_panels_per_block;
    const int end = std::min(row_panels, begin + plan.row_panels_per_block);
    for (int p = begin; p < end; ++p) {
      const int i0 = part(plan.m, row_panels, p);
      pack_panel<T, kRows>(rows, i0, part(plan.m, row_panels, p + 1) - i0, plan.k,
                           packed_rows + static_cast<std::ptrdiff_t>(p) * plan.k * kRows, row_sums);
    }
    return;
  }
  const int first_packed = ceil_div(plan.n, kColumns<T>) - plan.packed_panels;
  const int begin = (block - row_blocks) * plan.column_panels_per_block;
  const int end = std::min(plan.packed_panels, begin + plan.column_panels_per_block);
  for (int p = begin; p < end; ++p) {
    const int j0 = (first_packed + p) * kColumns<T>;
    pack_panel<T, kColumns<T>>(
        columns, j0, std::min(kColumns<T>, plan.n - j0), plan.k,
        packed_columns + static_cast<std::ptrdiff_t>(p) * plan.k * kColumns<T>,
        static_cast<T*>(nullptr));
  }
}

template <class T>
void Gemm<T>::multiply(int block) const {
  if (plan.dot) {
    dot_block(*this, block);
  } else {
    multiply_block(*this, block);
  }
}

template struct Gemm<float>;
template struct Gemm<double>;
template GemmPlan plan_gemm<float>(int, int, int, bool, bool, bool, bool);
template GemmPlan plan_gemm<double>(int, int, int, bool, bool, bool, bool);
template std::size_t packed_rows_size<float>(const GemmPlan&);
template std::size_t packed_rows_size<double>(const GemmPlan&);
template std::size_t packed_columns_size<float>(const GemmPlan&);
template std::size_t packed_columns_size<double>(const GemmPlan&);

}  // namespace ridgeline::kernels::host
