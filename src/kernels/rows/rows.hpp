#pragma once

// One source for kernels over the rows of matrices: a functor over Views states, in scalars, what
// happens to one row; threads of a host or teams of a device run it.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/launch.hpp"
#include "core/views.hpp"
#include "kernels/rows/columns.hpp"
#include "kernels/rows/device_row.hpp"
#include "kernels/rows/host_row.hpp"
#include "kernels/rows/terms.hpp"

#if defined(__CUDACC__)
// In force to the end of the source, where functors are instantiated: only kernels include this.
#pragma nv_diag_suppress 20011, 20014  // only rows of a host call functions that only a host has
#endif

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

// `flatten` makes one function of all that a row does, and the copy of the body belongs to that
// function, so that no store can change it. Without either, loops over lanes are not vectorised,
// and short rows take up to six times as long. `noinline`: every caller gets the same bits.
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

// Adds up what the blocks have for columns [first, first + Chunk), in order.
template <int Count, std::size_t Chunk, class T, class Columns>
[[gnu::flatten, gnu::noinline]] inline void combine_columns(const Columns& columns,
                                                            std::size_t first, std::size_t size,
                                                            std::size_t blocks, const T* partial,
                                                            std::size_t stride) {
  const std::size_t n = std::min(Chunk, size - first);
  T total[Count * Chunk] = {};
  for (std::size_t block = 0; block < blocks; ++block) {
    const T* from = partial + block * Count * stride + first;
    add_columns<T, Count>(n, PartialSums<T, Count>{from, stride}, total, Chunk);
  }
  for (std::size_t i = 0; i < n; ++i) {
    columns.store(first + i, PartialSums<T, Count>{total, Chunk}(i));
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

// One thread sums one column of one block; then one thread sums one column over the blocks.
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
struct CombineBlocks {
  Columns columns;
  std::size_t blocks, stride;
  const T* partial;
  KOKKOS_FUNCTION void operator()(std::size_t i) const {
    Terms<T, Count> sums = {};
    for (std::size_t block = 0; block < blocks; ++block) {
      sums += PartialSums<T, Count>{partial + block * Count * stride, stride}(i);
    }
    columns.store(i, sums);
  }
};

}  // namespace device

/// Runs body(row) for every row, and columns.store(i, Σ_r columns.terms_of(r)(i)) for every column.
/// A host takes each row through both while it is in cache; a device runs separate kernels, and not
/// the one over rows unless `run_rows`. `workspace` holds column_workspace<Count>() scalars.
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
    constexpr std::size_t kChunk = 256;
    const double sums = double(Count) * double(blocks * size);
    for_blocks(instance, labels.combine, static_cast<int>((size + kChunk - 1) / kChunk),
               {sums, sums * sizeof(T)}, [&](int chunk) {
                 host::combine_columns<Count, kChunk>(columns, chunk * kChunk, size, blocks,
                                                      partial, stride);
               });
  } else {
    launch_elements(
        instance, labels.columns, blocks * size,
        device::ColumnsOfBlock<T, Count, Columns>{columns, rows, size, blocks, stride, partial});
    launch_elements(instance, labels.combine, size,
                    device::CombineBlocks<T, Count, Columns>{columns, blocks, stride, partial});
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
