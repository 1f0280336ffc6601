#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// The host's loop over time, cut into blocks that a caller runs in any order and on any thread. A
// block takes a few samples through all steps: their states stay in its core's L1, the packed
// recurrent weights in its L2, and samples are independent: no synchronisation. Which samples make
// a block depends on the shape alone. Pure C++ (GNU vector extensions), compiled by the host
// compiler even where Kokkos's compiler is nvcc.

template <class Cell>
struct Recurrence {
  using T = typename Cell::Scalar;

  Cell cell;
  int batch;
  const T* weight;  ///< W_hh, see recurrence.hpp
  T* packed;        ///< of packed_size scalars
  T* states;        ///< of blocks · block_size scalars

  /// Scalars of the packed weights, and of the memory of one block.
  static std::size_t packed_size(int units);
  static std::size_t block_size(int batch, int units);
  /// Blocks that a batch is cut into.
  static int blocks(int batch);

  /// Blocks of packing; all must be done before the first `run`.
  int pack_blocks() const;
  void pack(int block) const;
  /// Takes one block of samples through all steps.
  void run(int block) const;
};

}  // namespace ridgeline::kernels::host
