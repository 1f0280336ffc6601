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

template <class T>
ArenaPlan plan_arena(const NetworkPlan& plan, const layers::Target& target, std::size_t batch,
                     bool training) {
  const Graph& graph = plan.graph;
  const std::size_t count = graph.layers.size();
  // Forward of layer i is step i, followed by the loss, then by the backward passes in execution
  // order.
  const std::size_t loss = count, end = loss + 1 + graph.backward.size();
  std::vector<Allocation> allocations;
  const auto add = [&](std::size_t size, std::size_t first, std::size_t last) {
    allocations.push_back({aligned_size<T>(size), first, last});
    return allocations.size() - 1;
  };

  ArenaPlan arena;
  std::vector<std::size_t> output_of(count, kNone), saved_of(count);
  for (std::size_t i = 0; i < count; ++i) {
    const layers::Layer& layer = *graph.layers[i];
    const Operands& from = graph.operands[i];
    for (const std::size_t at : from) {
      const std::size_t allocation = at == kNetworkInput ? kNone : output_of[at];
      if (allocation != kNone) allocations[allocation].last = i;
    }
    if (layer.is_view(training)) {
      output_of[i] = from[0] == kNetworkInput ? kNone : output_of[from[0]];
    } else {
      output_of[i] = add(batch * size_of(layer.output), i, i);
    }
    saved_of[i] = add(training ? layer.saved(batch) : 0, i, i);
    arena.workspace_size = std::max(arena.workspace_size, layer.workspace(target, batch, training));
  }
  if (output_of.back() != kNone) allocations[output_of.back()].last = loss;
  const std::size_t row_loss = add(batch * plan.loss_rows(), loss, loss);
  const std::size_t row_correct = add(batch * plan.loss_rows(), loss, loss);

  std::vector<std::size_t> gradient_of;
  if (training) {
    for (const std::size_t size : graph.gradient_sizes) {
      gradient_of.push_back(add(batch * size, end, loss));  // not written yet
    }
    const auto touch = [&](std::size_t gradient, std::size_t step) {
      Allocation& allocation = allocations[gradient_of[gradient]];
      allocation.first = std::min(allocation.first, step);
      allocation.last = std::max(allocation.last, step);
    };
    touch(0, loss);
    for (std::size_t k = 0; k < graph.backward.size(); ++k) {
      const BackwardStep& pass = graph.backward[k];
      const std::size_t step = loss + 1 + k;
      if (pass.dy == kNone) continue;
      // A backward pass may read its layer's inputs and output.
      Operands read = graph.operands[pass.layer];
      read.push_back(pass.layer);
      for (const std::size_t at : read) {
        const std::size_t allocation = at == kNetworkInput ? kNone : output_of[at];
        if (allocation != kNone)
          allocations[allocation].last = std::max(allocations[allocation].last, step);
      }
      Allocation& saved = allocations[saved_of[pass.layer]];
      saved.last = std::max(saved.last, step);
      touch(pass.dy, step);
      for (const std::size_t dx : pass.dx) {
        if (dx != kNone) touch(dx, step);
      }
      for (const BackwardStep::Join& join : pass.joins) {
        for (const std::size_t gradient : {join.a, join.b, join.sum}) touch(gradient, step);
      }
    }
  }
  const std::size_t workspace = add(arena.workspace_size, 0, end);

  const Placement placement = place(allocations, kAlignment / sizeof(T));
  for (std::size_t i = 0; i < count; ++i) {
    arena.outputs.push_back(output_of[i] == kNone ? kNetworkInput
                                                  : placement.offsets[output_of[i]]);
    arena.saved.push_back(placement.offsets[saved_of[i]]);
  }
  for (const std::size_t allocation : gradient_of)
    arena.gradients.push_back(placement.offsets[allocation]);
  arena.row_loss = placement.offsets[row_loss];
  arena.row_correct = placement.offsets[row_correct];
  arena.workspace = placement.offsets[workspace];
  arena.size = placement.size;
  return arena;
}

template ArenaPlan plan_arena<float>(const NetworkPlan&, const layers::Target&, std::size_t, bool);
template ArenaPlan plan_arena<double>(const NetworkPlan&, const layers::Target&, std::size_t, bool);

}  // namespace ridgeline::network
