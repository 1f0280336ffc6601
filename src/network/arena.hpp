#pragma once

#include <cstddef>
#include <vector>

#include "network/plan.hpp"

namespace ridgeline::network {

/// A tensor in an arena, and the lifetime over which it keeps its values.
struct Allocation {
  std::size_t size;         ///< scalars
  std::size_t first, last;  ///< first and last operation of its lifetime
};

/// The offset of each allocation, such that no two with overlapping lifetimes share memory, and the
/// total of scalars. Offsets are multiples of `alignment`. Large allocations are placed first, each
/// at the lowest offset that fits; the total is near the minimum, which is hard to compute. The
/// time for that grows with the square of the number of allocations; so, if there are many, they
/// are placed in the order of time, each in the smallest gap that holds it.
struct Placement {
  std::vector<std::size_t> offsets;
  std::size_t size = 0;
};
Placement place(const std::vector<Allocation>& allocations, std::size_t alignment);

/// The scalars of an arena, and the offsets of its parts.
struct ArenaPlan {
  std::vector<std::size_t> outputs;    ///< of each layer; for a view, that of its input
  std::vector<std::size_t> gradients;  ///< of activations, as Graph numbers them
  std::vector<std::size_t> saved;      ///< saved memory of each layer
  std::size_t row_loss = 0, row_correct = 0;
  std::size_t workspace = 0;
  std::size_t workspace_size = 0;
  std::size_t size = 0;
};

/// Plans activations, gradients and workspace for batches of up to `batch` samples. Tensors whose
/// lifetimes do not overlap share memory.
template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training);

}  // namespace ridgeline::network
