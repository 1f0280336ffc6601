#include "network/arena.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "core/views.hpp"

namespace ridgeline::network {

namespace {

/// The gaps between live allocations, if allocations begin and end in the order of time.
class Gaps {
 public:
  /// Returns the offset of `size` scalars in the smallest gap that holds them, or at the end.
  std::size_t take(std::size_t size) {
    const auto gap = by_size_.lower_bound({size, 0});
    if (gap == by_size_.end()) return extend(size);
    const std::size_t at = gap->second, left = gap->first - size;
    remove(at);
    if (left > 0) add(at + size, left);
    return at;
  }

  void give_back(std::size_t at, std::size_t size) {
    auto after = by_place_.lower_bound(at);
    if (after != by_place_.end() && after->first == at + size) {
      size += after->second;
      remove(after->first);
    }
    const auto before = by_place_.lower_bound(at);
    if (before != by_place_.begin()) {
      const auto [begin, length] = *std::prev(before);
      if (begin + length == at) {
        remove(begin);
        at = begin;
        size += length;
      }
    }
    add(at, size);
  }

  std::size_t end() const { return end_; }

 private:
  std::size_t extend(std::size_t size) {
    std::size_t at = end_;
    // A gap at the end is extended.
    if (!by_place_.empty()) {
      const auto [begin, length] = *by_place_.rbegin();
      if (begin + length == end_) {
        remove(begin);
        at = begin;
      }
    }
    end_ = at + size;
    return at;
  }
  void add(std::size_t at, std::size_t size) {
    by_place_[at] = size;
    by_size_.insert({size, at});
  }
  void remove(std::size_t at) {
    by_size_.erase({by_place_.at(at), at});
    by_place_.erase(at);
  }

  std::size_t end_ = 0;
  std::map<std::size_t, std::size_t> by_place_;            // size by offset
  std::set<std::pair<std::size_t, std::size_t>> by_size_;  // size, offset
};

Placement place_by_time(const std::vector<Allocation>& allocations, std::size_t alignment) {
  std::vector<std::size_t> by_begin(allocations.size());
  std::iota(by_begin.begin(), by_begin.end(), std::size_t{0});
  std::vector<std::size_t> by_end = by_begin;
  const auto rounded = [&](std::size_t allocation) {
    return (allocations[allocation].size + alignment - 1) / alignment * alignment;
  };
  std::stable_sort(by_begin.begin(), by_begin.end(), [&](std::size_t a, std::size_t b) {
    return allocations[a].first < allocations[b].first;
  });
  std::stable_sort(by_end.begin(), by_end.end(), [&](std::size_t a, std::size_t b) {
    return allocations[a].last < allocations[b].last;
  });
  Placement placement;
  placement.offsets.assign(allocations.size(), 0);
  Gaps gaps;
  auto ending = by_end.begin();
  for (const std::size_t mine : by_begin) {
    for (; ending != by_end.end() && allocations[*ending].last < allocations[mine].first;
         ++ending) {
      // An allocation that is never live, with last before first, uses no memory.
      const Allocation& over = allocations[*ending];
      if (over.size > 0 && over.first <= over.last) {
        gaps.give_back(placement.offsets[*ending], rounded(*ending));
      }
    }
    const Allocation& allocation = allocations[mine];
    if (allocation.size > 0 && allocation.first <= allocation.last) {
      placement.offsets[mine] = gaps.take(rounded(mine));
    }
  }
  placement.size = gaps.end();
  return placement;
}

}  // namespace

Placement place(const std::vector<Allocation>& allocations, std::size_t alignment) {
  constexpr std::size_t kMostBySize = 4096;
  if (allocations.size() > kMostBySize) return place_by_time(allocations, alignment);
  std::vector<std::size_t> order(allocations.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return allocations[a].size > allocations[b].size;
  });
  Placement placement;
  placement.offsets.assign(allocations.size(), 0);
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t mine : order) {
    const Allocation& allocation = allocations[mine];
    std::size_t at = 0;
    for (const std::size_t other : placed) {
      const Allocation& neighbour = allocations[other];
      if (neighbour.last < allocation.first || allocation.last < neighbour.first) continue;
      const std::size_t begin = placement.offsets[other];
      if (at + allocation.size <= begin) break;  // fits before it
      const std::size_t end = begin + neighbour.size;
      at = std::max(at, (end + alignment - 1) / alignment * alignment);
    }
    placement.offsets[mine] = at;
    placement.size = std::max(placement.size, at + allocation.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), at,
                                   [&](std::size_t offset, std::size_t other) {
                                     return offset < placement.offsets[other];
                                   }),
                  mine);
  }
  return placement;
}

namespace {

/// Allocations of a step: forward of layer i is its time i, followed by the loss, then by the
/// backward passes in execution order.
template <class T>
class StepAllocations {
 public:
  StepAllocations(const NetworkPlan& plan, std::size_t batch)
      : graph_(plan.graph),
        batch_(batch),
        loss_(graph_.layers.size()),
        end_(loss_ + 1 + graph_.backward.size()) {}

  std::size_t end() const { return end_; }
  std::size_t loss() const { return loss_; }

  std::size_t add(std::size_t size, std::size_t first, std::size_t last) {
    allocations_.push_back({aligned_size<T>(size), first, last});
    return allocations_.size() - 1;
  }
  void extend(std::size_t allocation, std::size_t time) {
    if (allocation == kNone) return;
    Allocation& extended = allocations_[allocation];
    extended.first = std::min(extended.first, time);
    extended.last = std::max(extended.last, time);
  }

  /// Adds outputs and saved values of all layers.
  void add_forward(bool training) {
    for (std::size_t i = 0; i < graph_.layers.size(); ++i) {
      const layers::Layer& layer = *graph_.layers[i];
      const Operands& from = graph_.operands[i];
      for (const std::size_t at : from) extend(output_of(at), i);
      outputs_.push_back(layer.is_view(training) ? output_of(from[0])
                                                 : add(batch_ * size_of(layer.output), i, i));
      saved_.push_back(add(training ? layer.saved(batch_) : 0, i, i));
    }
    extend(outputs_.back(), loss_);
  }

  /// Adds the gradients, and extends what backward passes read.
  void add_backward() {
    for (const std::size_t size : graph_.gradient_sizes) {
      gradients_.push_back(add(batch_ * size, end_, loss_));  // not written yet
    }
    extend(gradients_[0], loss_);
    for (std::size_t k = 0; k < graph_.backward.size(); ++k) {
      const BackwardStep& pass = graph_.backward[k];
      const std::size_t time = loss_ + 1 + k;
      if (pass.dy == kNone) continue;
      // A backward pass may read its layer's inputs and output.
      for (const std::size_t at : graph_.operands[pass.layer]) extend(output_of(at), time);
      extend(outputs_[pass.layer], time);
      extend(saved_[pass.layer], time);
      extend(gradients_[pass.dy], time);
      for (const std::size_t dx : pass.dx) {
        if (dx != kNone) extend(gradients_[dx], time);
      }
      for (const BackwardStep::Join& join : pass.joins) {
        for (const std::size_t joined : {join.a, join.b, join.sum}) {
          extend(gradients_[joined], time);
        }
      }
    }
  }

  /// Returns the arena without the offsets of what the caller added.
  ArenaPlan arena(const Placement& placement) const {
    ArenaPlan arena;
    arena.size = placement.size;
    for (const std::size_t output : outputs_) {
      arena.outputs.push_back(output == kNone ? kNetworkInput : placement.offsets[output]);
    }
    for (const std::size_t saved : saved_) arena.saved.push_back(placement.offsets[saved]);
    for (const std::size_t gradient : gradients_) {
      arena.gradients.push_back(placement.offsets[gradient]);
    }
    return arena;
  }

  const std::vector<Allocation>& all() const { return allocations_; }

 private:
  std::size_t output_of(std::size_t at) const { return at == kNetworkInput ? kNone : outputs_[at]; }

  const Graph& graph_;
  std::size_t batch_, loss_, end_;
  std::vector<Allocation> allocations_;
  std::vector<std::size_t> outputs_, saved_, gradients_;  // allocations; kNone: the network's input
};

}  // namespace

template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training) {
  StepAllocations<T> allocations(plan, batch);
  allocations.add_forward(training);
  const std::size_t loss = allocations.loss();
  const std::size_t row_loss = allocations.add(batch * plan.loss_rows(), loss, loss);
  const std::size_t row_correct = allocations.add(batch * plan.loss_rows(), loss, loss);
  if (training) allocations.add_backward();
  std::size_t workspace_size = 0;
  for (const auto& layer : plan.graph.layers) {
    workspace_size = std::max(workspace_size, layer->workspace(target, batch, training));
  }
  const std::size_t workspace = allocations.add(workspace_size, 0, allocations.end());

  const Placement placement = place(allocations.all(), kAlignment / sizeof(T));
  ArenaPlan arena = allocations.arena(placement);
  arena.row_loss = placement.offsets[row_loss];
  arena.row_correct = placement.offsets[row_correct];
  arena.workspace = placement.offsets[workspace];
  arena.workspace_size = workspace_size;
  return arena;
}

template ArenaPlan plan_arena<float>(const NetworkPlan&, const layers::Target&, std::size_t, bool);
template ArenaPlan plan_arena<double>(const NetworkPlan&, const layers::Target&, std::size_t, bool);

}  // namespace ridgeline::network
