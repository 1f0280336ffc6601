#pragma once

#include <cstddef>
#include <vector>

#include "network/plan.hpp"

namespace ridgeline::network {

/// Something in an arena, and the lifetime over which it must keep its values.
struct Allocation {
  std::size_t size;         ///< scalars
  std::size_t first, last;  ///< steps of its lifetime, both included
};

/// Where each allocation begins, so that none that are alive together overlap, and the scalars that
/// all of them need. Each begins at a multiple of `alignment` scalars. Large ones are placed first,
/// each as low as it fits: not the least memory there is, which is hard to find, but near it. The
/// time for that grows with the square of their number, so many are placed in the order of time,
/// each into the smallest gap that holds it.
struct Placement {
  std::vector<std::size_t> offsets;
  std::size_t size = 0;
};
Placement place(const std::vector<Allocation>& allocations, std::size_t alignment);

/// Scalars of an arena, and where its parts begin.
struct ArenaPlan {
  std::vector<std::size_t> outputs;    ///< a layer's output; of a view, its input's place
  std::vector<std::size_t> gradients;  ///< of activations, as Graph numbers them
  std::vector<std::size_t> saved;      ///< a layer's own, from forward to backward
  std::size_t row_loss = 0, row_correct = 0;
  std::size_t workspace = 0;
  std::size_t workspace_size = 0;
  std::size_t size = 0;
};

/// Lays out activations, gradients and workspace for batches of up to `batch` samples. What is
/// never needed at the same time shares memory.
template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training);

}  // namespace ridgeline::network
