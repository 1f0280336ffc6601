#pragma once

#include <cstddef>

#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels::host {

// The host's matrix product, divided into blocks that may run in any order and on any thread:
//
//   C[i, j] = f( sum_k (A'[i, k] · B[k, j]) + bias[j] ),   A' = A ∘ f'(kept)
//
// After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (TOMS 2008), and
// BLIS: one operand ("columns") is packed into panels as wide as two vector registers, the other
// ("rows") is broadcast element by element, and a tile of C stays in registers over a block of k.
// Which of A and B is which, what is packed and how C is divided depend on the shape alone, so the
// result does not depend on the number of threads. Pure C++ (GNU vector extensions), compiled by
// the host compiler even if Kokkos's compiler is nvcc.

/// One operand as a matrix [outer, k], multiplied by f'(kept) while it is read, with f'
/// `derivative`. `kept` has the strides of `data`; it is null if there is no such factor.
template <class T>
struct Operand {
  const T* data;
  std::ptrdiff_t outer_stride;
  std::ptrdiff_t k_stride;
  const T* kept = nullptr;
  Activation derivative = Activation::identity;
};

/// How a product of a given shape is computed.
struct GemmPlan {
  int m, n, k;         ///< rows, columns and depth, after a possible exchange of A and B
  bool exchanged;      ///< C is computed as its transpose: rows come from B
  bool dot;            ///< few columns, both operands contiguous along k: dot products
  bool pack_rows;      ///< otherwise rows are read in place
  int packed_panels;   ///< column panels that are packed: all, the last, or none
  int tile_m, tile_n;  ///< a block of C
  int k_block;         ///< depth kept in cache
  int row_panels_per_block, column_panels_per_block, pack_depth;  ///< packing blocks
};

template <class T>
struct Gemm {
  GemmPlan plan;
  Operand<T> rows, columns;
  T* c;
  std::ptrdiff_t c_row_stride, c_column_stride;  ///< of `rows` and `columns`, one of them 1
  const T* bias = nullptr;      ///< along C's columns (of the caller's C); may be null
  T* pre_activation = nullptr;  ///< stores f's argument with C's strides; may be null
  T* row_sums = nullptr;        ///< sums of A' over k (the bias gradient); may be null
  Activation activation = Activation::identity;
  T* packed_rows = nullptr;
  T* packed_columns = nullptr;

  int pack_blocks() const;
  int row_pack_blocks() const;  ///< the first of them: those of `rows`
  int product_blocks() const;
  /// Packs one block of panels; all blocks must be packed before the first `multiply`.
  void pack(int block) const;
  /// Computes one block of C.
  void multiply(int block) const;
};

/// Returns the plan for C[m, n] = A[m, k] B[k, n]. `a_contiguous_k`: A's stride along k is 1
/// (otherwise its row stride is 1), `b_contiguous_k` likewise. `a_factor`: A is multiplied by a
/// derivative. `row_sums`: the sums of A' are computed.
template <class T>
GemmPlan plan_gemm(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k, bool a_factor,
                   bool row_sums);

/// Return the scalars of workspace for the packed rows and columns.
template <class T>
std::size_t packed_rows_size(const GemmPlan& plan);
template <class T>
std::size_t packed_columns_size(const GemmPlan& plan);
/// Returns the sum of both, which suffices for this m and k and for smaller ones.
template <class T>
std::size_t packed_size(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k,
                        bool a_factor, bool row_sums);

}  // namespace ridgeline::kernels::host
