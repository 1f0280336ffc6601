#pragma once

#include <cstddef>

namespace ridgeline::kernels::host {

// The host's loop over time, divided into blocks that may run in any order and on any thread. A
// block computes all steps of a few samples: their states stay in its core's L1, and the packed
// recurrent weights in its L2. Samples are independent, so there is no synchronisation. Which
// samples form a block depends on the shape alone. Pure C++ (GNU vector extensions), compiled by
// the host compiler even if Kokkos's compiler is nvcc.

template <class Cell>
struct Recurrence {
  using T = typename Cell::Scalar;

  Cell cell;
  int batch;
  const T* weight;  ///< W_hh, see ../recurrence.hpp
  T* packed;        ///< packed_size scalars
  T* states;        ///< blocks · block_size scalars

  /// Return the scalars of the packed weights, and of the memory of one block.
  static std::size_t packed_size(int units);
  static std::size_t block_size(int batch, int units);
  /// Returns the number of blocks of a batch.
  static int blocks(int batch);

  /// Packs one block of the weights; all blocks must be packed before the first `run`.
  int pack_blocks() const;
  void pack(int block) const;
  /// Computes all steps of one block of samples.
  void run(int block) const;
};

}  // namespace ridgeline::kernels::host
