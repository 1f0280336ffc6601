#pragma once

#include <cstddef>
#include <vector>

#include "network/plan.hpp"

namespace ridgeline::network {

/// Where a network's input stands for a layer's output (a view of it).
inline constexpr std::size_t kNetworkInput = static_cast<std::size_t>(-1);

/// Scalars of an arena, and where its parts begin.
struct ArenaPlan {
  std::vector<std::size_t> outputs;   ///< a layer's output; of a view, its input's place
  std::size_t gradients[2] = {0, 0};  ///< of a layer's output and input, in turn
  std::vector<std::size_t> saved;     ///< a layer's own, from forward to backward
  std::size_t row_loss = 0, row_correct = 0;
  std::size_t workspace = 0;
  std::size_t workspace_size = 0;
  std::size_t size = 0;
};

/// Lays out activations, gradients and workspace for batches of up to `batch` samples.
template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training);

}  // namespace ridgeline::network
