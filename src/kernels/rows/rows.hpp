#pragma once

// One source for kernels over the rows of matrices: a functor over Views defines, in scalars, the
// operations on one row; threads of a host or teams of a device run it.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>

#include "core/launch.hpp"
#include "core/views.hpp"
#include "kernels/rows/columns.hpp"
#include "kernels/rows/device_row.hpp"
#include "kernels/rows/host_row.hpp"
#include "kernels/rows/terms.hpp"

// In effect to the end of the source, where functors are instantiated: only kernels include this
// header, and only the host's rows call host-only functions.
RIDGELINE_ALLOW_CALLS_OF_HOST_FUNCTIONS

namespace ridgeline::kernels {

/// Element i of Count arrays that are `stride` apart.
template <class T, int Count>
struct PartialSums {
  const T* data;
  std::size_t stride;
  RIDGELINE_FUNCTION Terms<T, Count> operator()(std::size_t i) const {
    Terms<T, Count> one;
    for (int s = 0; s < Count; ++s) one[s] = data[s * stride + i];
    return one;
  }
};

namespace host {

// `flatten` inlines all operations on a row into one function, and the copy of the body is local to
// it, so that no store can change it. Without either, loops over lanes are not vectorised, and
// short rows take up to six times as long. `noinline`: every caller gets bitwise identical results.
template <class Body>
[[gnu::flatten, gnu::noinline]] inline void run_rows(const Body& body, std::size_t begin,
                                                     std::size_t end, std::size_t size) {
  const Body own = body;
  for (std::size_t r = begin; r < end; ++r) own(Row(r, size));
}
template <int Count, class T, class Columns, class Body>
[[gnu::flatten, gnu::noinline]] inline void run_rows_and_columns(const Columns& columns,
                                                                 const Body& body,
                                                                 std::size_t begin, std::size_t end,
                                                                 std::size_t size, T* sums,
                                                                 std::size_t stride) {
  const Columns own_columns = columns;
  const Body own_body = body;
  std::fill_n(sums, Count * stride, T(0));
  for (std::size_t r = begin; r < end; ++r) {
    const auto of_row = own_columns.terms_of(r);
    add_columns<T, Count>(size, of_row, sums, stride);
    own_body(Row(r, size));
  }
}

// Sums columns [first, first + Chunk) over all rows, in order.
template <class T, int Count, std::size_t Chunk, class Columns>
[[gnu::flatten, gnu::noinline]] inline void sum_columns(const Columns& columns, std::size_t first,
                                                        std::size_t size, std::size_t rows) {
  const Columns own = columns;
  const std::size_t n = std::min(Chunk, size - first);
  T total[Count * Chunk] = {};
  for (std::size_t r = 0; r < rows; ++r) {
    const auto of_row = own.terms_of(r);
    add_columns<T, Count>(
        n, [&](std::size_t i) { return of_row(first + i); }, total, Chunk);
  }
  for (std::size_t i = 0; i < n; ++i) {
    own.store(first + i, PartialSums<T, Count>{total, Chunk}(i));
  }
}

}  // namespace host

/// Runs body(row) for every row of a matrix [rows, size]. row.index() and row.size() identify the
/// row; row.each(f) calls f(i) for every column; row.sum(f) and row.largest(f) return the sum or
/// the maximum of f(i), of several at once if f returns terms(a, b); row.once(f) calls f once.
/// Elements may be overwritten in place: f(i) may read and write column i alone.
template <class Space, class Body>
void for_rows(const Space& instance, const std::string& label, std::size_t rows, std::size_t size,
              const Cost& cost, const Body& body) {
  if constexpr (kIsHost<Space>) {
    const std::size_t per_block = std::max<std::size_t>(1, 2048 / std::max<std::size_t>(1, size));
    for_blocks(instance, label, static_cast<int>((rows + per_block - 1) / per_block), cost,
               [&](int block) {
                 const std::size_t begin = std::size_t(block) * per_block;
                 host::run_rows(body, begin, std::min(rows, begin + per_block), size);
               });
  } else if (rows > 0) {
    if (size < std::size_t(device::kLongRow)) {
      device::Rows<Space, Body, false>::launch(instance, label, body, rows, size);
    } else {
      device::Rows<Space, Body, true>::launch(instance, label, body, rows, size);
    }
  }
}

namespace device {

// One thread sums one column of one block, or of all rows.
template <class T, int Count, class Columns>
struct ColumnsOfBlock {
  Columns columns;
  std::size_t rows, size, blocks, stride;
  T* partial;
  KOKKOS_FUNCTION void operator()(std::size_t element) const {
    const std::size_t block = element / size, i = element % size;
    Terms<T, Count> sums = {};
    RIDGELINE_UNROLL_BY_4
    for (std::size_t r = rows * block / blocks; r < rows * (block + 1) / blocks; ++r) {
      sums += columns.terms_of(r)(i);
    }
    for (int s = 0; s < Count; ++s) partial[(block * Count + s) * stride + i] = sums[s];
  }
};
template <class T, int Count, class Columns>
struct SumColumns {
  Columns columns;
  std::size_t rows;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    Terms<T, Count> sums = {};
    RIDGELINE_UNROLL_BY_4
    for (std::size_t r = 0; r < rows; ++r) sums += columns.terms_of(r)(i);
    columns.store(i, sums);
  }
};

}  // namespace device

/// Runs columns.store(i, Σ_r columns.terms_of(r)(i)) for every column, rows in order. It is for few
/// rows, since it is parallel over columns alone.
template <class Space, class Columns>
void for_whole_columns(const Space& instance, const std::string& label, std::size_t rows,
                       std::size_t size, const Cost& cost, const Columns& columns) {
  using Sums = std::decay_t<decltype(columns.terms_of(0)(0))>;
  using T = typename Sums::Scalar;
  if constexpr (kIsHost<Space>) {
    constexpr std::size_t kChunk = 256;
    for_blocks(instance, label, static_cast<int>((size + kChunk - 1) / kChunk), cost,
               [&](int chunk) {
                 host::sum_columns<T, Sums::kCount, kChunk>(columns, chunk * kChunk, size, rows);
               });
  } else {
    launch_elements(instance, label, size,
                    device::SumColumns<T, Sums::kCount, Columns>{columns, rows});
  }
}

/// Treats the sums of blocks of rows, [Count, stride] each in `partial`, as rows.
template <class T, int Count, class Columns>
struct BlockSums {
  Columns columns;
  const T* partial;
  std::size_t stride;
  KOKKOS_FUNCTION PartialSums<T, Count> terms_of(std::size_t block) const {
    return {partial + block * Count * stride, stride};
  }
  KOKKOS_FUNCTION void store(std::size_t i, const Terms<T, Count>& sums) const {
    columns.store(i, sums);
  }
};

/// Runs body(row) for every row, and columns.store(i, Σ_r columns.terms_of(r)(i)) for every column.
/// A host processes each row for both while it is in cache; a device runs separate kernels, and the
/// one over rows only if `run_rows`. `workspace` holds column_workspace<Count>() scalars.
template <int Count, class Space, class T, class Columns, class Body>
void for_rows_and_columns(const Space& instance, const RowAndColumnLabels& labels, std::size_t rows,
                          std::size_t size, const Cost& cost, const Vector<Space, T>& workspace,
                          const Columns& columns, const Body& body, bool run_rows = true) {
  const std::size_t blocks = row_blocks(rows), stride = aligned_size<float>(size);
  T* const partial = workspace.data();  // [blocks, Count, stride]
  const auto begin = [=](std::size_t block) { return rows * block / blocks; };
  if constexpr (kIsHost<Space>) {
    for_blocks(instance, labels.rows, static_cast<int>(blocks), cost, [&](int block) {
      host::run_rows_and_columns<Count>(columns, body, begin(block), begin(block + 1), size,
                                        partial + block * Count * stride, stride);
    });
  } else {
    launch_elements(
        instance, labels.columns, blocks * size,
        device::ColumnsOfBlock<T, Count, Columns>{columns, rows, size, blocks, stride, partial});
  }
  const double sums = double(Count) * double(blocks * size);
  for_whole_columns(instance, labels.combine, blocks, size, {sums, sums * sizeof(T)},
                    BlockSums<T, Count, Columns>{columns, partial, stride});
  if constexpr (!kIsHost<Space>) {
    if (run_rows) for_rows(instance, labels.rows, rows, size, cost, body);
  }
}

/// Does nothing to a row.
struct NoRow {
  template <class Row>
  KOKKOS_FUNCTION void operator()(const Row&) const {}
};

/// Runs columns.store(i, Σ_r columns.terms_of(r)(i)) for every column.
template <int Count, class Space, class T, class Columns>
void for_columns(const Space& instance, const RowAndColumnLabels& labels, std::size_t rows,
                 std::size_t size, const Cost& cost, const Vector<Space, T>& workspace,
                 const Columns& columns) {
  for_rows_and_columns<Count>(instance, labels, rows, size, cost, workspace, columns, NoRow(),
                              false);
}

}  // namespace ridgeline::kernels
