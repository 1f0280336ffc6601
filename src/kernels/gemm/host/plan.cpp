#include <algorithm>
#include <cstdint>

#include "kernels/gemm/host/gemm.hpp"
#include "kernels/tiles/host_tile.hpp"

namespace ridgeline::kernels::host {

template <class T>
GemmPlan plan_gemm(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k, bool a_factor,
                   bool row_sums) {
  GemmPlan plan{};
  // Cost of packing either side, in scalars moved; gathering vectors across rows costs more.
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

  // A panel of rows then fills a few ways of L2. Shorter blocks of k add more passes over C than
  // they save cache misses (docs/laboratory.md).
  plan.k_block = 1024;
  // Blocks are large enough to reuse what they load, and small enough to distribute over threads.
  int tile_rows = 8, tile_panels = 8;
  const auto blocks = [&] {
    return std::int64_t(ceil_div(row_panels, tile_rows)) * ceil_div(panels, tile_panels);
  };
  while (blocks() < 32 && (tile_rows > 2 || tile_panels > 2)) {
    (tile_rows >= tile_panels ? tile_rows : tile_panels) /= 2;
  }
  plan.tile_m = tile_rows * kRows;
  plan.tile_n = tile_panels * kColumns<T>;
  // Panels that share cache lines are adjacent, so deep panels are packed several at a time, each
  // time over a part of their depth.
  plan.pack_depth = std::min(std::max(1, k), 256);
  const auto panels_per_block = [&](int width) {
    return std::max(1, 16384 / (plan.pack_depth * width));
  };
  plan.row_panels_per_block = panels_per_block(kRows);
  plan.column_panels_per_block = panels_per_block(kColumns<T>);
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
std::size_t packed_size(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k,
                        bool a_factor, bool row_sums) {
  const auto plan = [&](int rows) {
    return plan_gemm<T>(rows, n, k, a_contiguous_k, b_contiguous_k, a_factor, row_sums);
  };
  const auto size = [&](int rows) {
    const GemmPlan planned = plan(rows);
    return packed_rows_size<T>(planned) + packed_columns_size<T>(planned);
  };
  // Rows are exchanged with columns if there are few of them. A plan for many rows needs the most
  // memory with all of them, or with the largest number that is exchanged. Columns read in place
  // need one packed panel if panels do not divide them.
  int few = 0, many = m + 1;
  while (many - few > 1) {
    const int middle = few + (many - few) / 2;
    (plan(middle).exchanged ? few : many) = middle;
  }
  return std::max(size(m), few > 0 ? size(few) : 0) + std::size_t(kColumns<T>) * k;
}

template <class T>
int Gemm<T>::row_pack_blocks() const {
  if (!plan.pack_rows) return 0;
  return ceil_div(ceil_div(plan.m, kRows), plan.row_panels_per_block) *
         ceil_div(plan.k, plan.pack_depth);
}

template <class T>
int Gemm<T>::pack_blocks() const {
  if (plan.packed_panels == 0) return row_pack_blocks();
  return row_pack_blocks() + ceil_div(plan.packed_panels, plan.column_panels_per_block) *
                                 ceil_div(plan.k, plan.pack_depth);
}

template <class T>
int Gemm<T>::product_blocks() const {
  if (plan.dot) return ceil_div(plan.m, plan.tile_m);
  return ceil_div(plan.m, plan.tile_m) * ceil_div(plan.n, plan.tile_n);
}

template int Gemm<float>::pack_blocks() const;
template int Gemm<double>::pack_blocks() const;
template int Gemm<float>::row_pack_blocks() const;
template int Gemm<double>::row_pack_blocks() const;
template int Gemm<float>::product_blocks() const;
template int Gemm<double>::product_blocks() const;
template GemmPlan plan_gemm<float>(int, int, int, bool, bool, bool, bool);
template GemmPlan plan_gemm<double>(int, int, int, bool, bool, bool, bool);
template std::size_t packed_size<float>(int, int, int, bool, bool, bool, bool);
template std::size_t packed_size<double>(int, int, int, bool, bool, bool, bool);
template std::size_t packed_rows_size<float>(const GemmPlan&);
template std::size_t packed_rows_size<double>(const GemmPlan&);
template std::size_t packed_columns_size<float>(const GemmPlan&);
template std::size_t packed_columns_size<double>(const GemmPlan&);

}  // namespace ridgeline::kernels::host
