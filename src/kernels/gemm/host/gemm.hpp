#pragma once

#include <cstddef>

#include "kernels/elementwise/activation.hpp"

namespace ridgeline::kernels::host {

// The host's matrix product, cut into blocks that a caller runs in any order and on any thread:
//
//   C[i, j] = f( sum_k (A'[i, k] · B[k, j]) + bias[j] ),   A' = A ∘ f'(kept)
//
// After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (TOMS 2008), and
// BLIS: one operand ("columns") is packed into panels as wide as two vector registers, the other
// ("rows") is broadcast element by element, and a tile of C stays in registers over a block of k.
// Which of A and B plays which part, what is packed and how C is cut depends on the shape alone, so
// the result does not depend on the number of threads. Pure C++ (GNU vector extensions), compiled
// by the host compiler even where Kokkos's compiler is nvcc.

/// One operand as a matrix [outer, k]; `kept` and `derivative` multiply it by f'(kept) on the fly
/// (`kept` has the strides of `data`, and is null where there is no such factor).
template <class T>
struct Operand {
  const T* data;
  std::ptrdiff_t outer_stride;
  std::ptrdiff_t k_stride;
  const T* kept = nullptr;
  Activation derivative = Activation::identity;
};

/// How a product of a given shape is carried out.
struct GemmPlan {
  int m, n, k;         ///< rows, columns and depth, after the possible exchange of A and B
  bool exchanged;      ///< C is computed as its transpose: rows come from B
  bool dot;            ///< few columns, both operands contiguous along k: dot products
  bool pack_rows;      ///< else rows are read where they lie
  int packed_panels;   ///< column panels that are packed: all, or the last, or none
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
  const T* bias = nullptr;                       ///< along C's columns (of the caller's C), or null
  T* pre_activation = nullptr;  ///< where f's argument is kept too (C's strides), or null
  T* row_sums = nullptr;        ///< sum over k of A' (the bias gradient), or null
  Activation activation = Activation::identity;
  T* packed_rows = nullptr;
  T* packed_columns = nullptr;

  int pack_blocks() const;
  int row_pack_blocks() const;  ///< the first of them: those of `rows`
  int product_blocks() const;
  /// Packs one block of panels; all must be done before the first `multiply`.
  void pack(int block) const;
  /// Computes one block of C.
  void multiply(int block) const;
};

/// The plan for C[m, n] = A[m, k] B[k, n]. `a_contiguous_k`: A's k stride is 1 (else its row stride
/// is), likewise B. `a_factor`: A carries a derivative. `row_sums`: the sums of A' are wanted.
template <class T>
GemmPlan plan_gemm(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k, bool a_factor,
                   bool row_sums);

/// Scalars of workspace for the packed rows and columns.
template <class T>
std::size_t packed_rows_size(const GemmPlan& plan);
template <class T>
std::size_t packed_columns_size(const GemmPlan& plan);
/// Both together, enough for this m and k and for any smaller ones.
template <class T>
std::size_t packed_size(int m, int n, int k, bool a_contiguous_k, bool b_contiguous_k,
                        bool a_factor, bool row_sums);

}  // namespace ridgeline::kernels::host
