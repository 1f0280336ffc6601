#include "network/arena.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/views.hpp"
#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::plan_of;

bool alive_together(const Allocation& a, const Allocation& b) {
  return a.first <= b.last && b.first <= a.last;
}

// Places `count` allocations of different sizes and lifetimes, some of size 0 or never alive, and
// checks that none with overlapping lifetimes overlap in memory. `most` is the permitted factor
// over the maximum of the bytes alive at once.
void check_placement(std::size_t count, std::size_t moments, double most) {
  std::vector<Allocation> allocations;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = i * 7 % moments;
    allocations.push_back({32 * (1 + i * 13 % 11), first, first + i % 9});
  }
  allocations.push_back({0, 3, 5});
  allocations.push_back({64, moments + 20, 2});
  const Placement placement = place(allocations, 32);
  std::size_t all = 0;
  for (std::size_t i = 0; i < allocations.size(); ++i) {
    all += allocations[i].size;
    ASSERT_EQ(placement.offsets[i] % 32, 0u);
    ASSERT_LE(placement.offsets[i] + allocations[i].size, placement.size);
    for (std::size_t j = 0; j < i; ++j) {
      if (!alive_together(allocations[i], allocations[j]) || allocations[j].size == 0) continue;
      const std::size_t a = placement.offsets[i], b = placement.offsets[j];
      ASSERT_TRUE(a + allocations[i].size <= b || b + allocations[j].size <= a)
          << i << " and " << j;
    }
  }
  // At least the maximum of the bytes alive at once is used, and little more.
  std::size_t busiest = 0;
  for (std::size_t moment = 0; moment < moments + 9; ++moment) {
    std::size_t sum = 0;
    for (const Allocation& t : allocations)
      sum += t.first <= moment && moment <= t.last ? t.size : 0;
    busiest = std::max(busiest, sum);
  }
  EXPECT_GE(placement.size, busiest);
  EXPECT_LE(double(placement.size), most * double(busiest));
  EXPECT_LT(placement.size, all / 2);
}

TEST(ArenaPlacement, KeepsWhatIsAliveTogetherApartAndReusesTheRest) {
  check_placement(60, 31, 1.25);
}

TEST(ArenaPlacement, OfVeryManyToo) { check_placement(5000, 501, 1.5); }

// Simulates a network's steps: every tensor is marked in the arena when it is written, and
// must still be complete whenever it is read.
template <class T>
class PaperRun {
 public:
  PaperRun(const NetworkPlan& plan, const layers::Target& target, std::size_t batch, bool training)
      : plan_(plan), batch_(batch), arena_(plan_arena<T>(plan, target, batch, training)) {
    cells_.assign(arena_.size, "");
    const Graph& graph = plan.graph;
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
      const layers::Layer& layer = *graph.layers[i];
      for (const std::size_t from : graph.operands[i]) read_output(from);
      write(arena_.workspace, layer.workspace(target, batch, training), "workspace");
      if (training) write(arena_.saved[i], layer.saved(batch), layer.name + " saved");
      if (layer.is_view(training)) {
        EXPECT_EQ(arena_.outputs[i], place_of(graph.operands[i][0]));
        name_of_[i] = graph.operands[i][0] == kNetworkInput ? "" : name_of_[graph.operands[i][0]];
      } else {
        name_of_[i] = layer.name;
        write(arena_.outputs[i], batch * size_of(layer.output), layer.name);
      }
      for (const std::size_t from : graph.operands[i]) read_output(from);
    }
    read_output(graph.layers.size() - 1);
    write(arena_.row_loss, batch * plan.loss_rows(), "losses");
    write(arena_.row_correct, batch * plan.loss_rows(), "correct");
    if (training) {
      write_gradient(0);
      backward(target);
    }
    read(arena_.row_loss, 0, "losses");
  }

 private:
  void backward(const layers::Target& target) {
    for (const BackwardStep& step : plan_.graph.backward) {
      if (step.dy == kNone) continue;
      const layers::Layer& layer = *plan_.graph.layers[step.layer];
      write(arena_.workspace, layer.workspace(target, batch_, true), "workspace");
      for (const std::size_t dx : std::set<std::size_t>(step.dx.begin(), step.dx.end())) {
        if (dx != kNone && dx != step.dy) write_gradient(dx);
      }
      read_gradient(step.dy);
      for (const std::size_t from : plan_.graph.operands[step.layer]) read_output(from);
      read_output(step.layer);
      read(arena_.saved[step.layer], layer.saved(batch_), layer.name + " saved");
      for (const BackwardStep::Join& join : step.joins) {
        read_gradient(join.a);
        read_gradient(join.b);
        write_gradient(join.sum);
        if (join.sum != join.a) read_gradient(join.a);
      }
    }
  }
  std::size_t place_of(std::size_t layer) const {
    return layer == kNetworkInput ? kNetworkInput : arena_.outputs[layer];
  }
  void write(std::size_t at, std::size_t size, const std::string& what) {
    EXPECT_EQ(at * sizeof(T) % kAlignment, 0u) << what;
    ASSERT_LE(at + size, cells_.size()) << what;
    for (std::size_t i = 0; i < size; ++i) cells_[at + i] = what;
  }
  void read(std::size_t at, std::size_t size, const std::string& what) {
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(cells_[at + i], what);
  }
  void read_output(std::size_t layer) {
    if (place_of(layer) == kNetworkInput) return;
    read(arena_.outputs[layer], batch_ * size_of(plan_.layers[layer]->output), name_of_[layer]);
  }
  void write_gradient(std::size_t number) {
    write(arena_.gradients[number], batch_ * plan_.graph.gradient_sizes[number],
          "gradient " + std::to_string(number));
  }
  void read_gradient(std::size_t number) {
    read(arena_.gradients[number], batch_ * plan_.graph.gradient_sizes[number],
         "gradient " + std::to_string(number));
  }

  const NetworkPlan& plan_;
  const std::size_t batch_;
  const ArenaPlan arena_;
  std::vector<std::string> cells_;
  std::map<std::size_t, std::string> name_of_;
};

TEST(Arena, KeepsEveryTensorUntilItsLastReader) {
  for (const testing::NetworkCase& network : testing::all_networks()) {
    SCOPED_TRACE(network.name);
    const auto plan = plan_of(deck_of(network.layers, network.sets));
    for (const bool on_device : {false, true}) {
      for (const auto gemm : {kernels::GemmBackend::native, kernels::GemmBackend::kokkos_kernels}) {
        for (const bool training : {true, false}) {
          for (const std::size_t batch : {1, 3, 64}) {
            PaperRun<float>(*plan, {on_device, gemm, 4, 3}, batch, training);
            PaperRun<double>(*plan, {on_device, gemm, 8, 3}, batch, training);
          }
        }
      }
    }
  }
}

TEST(Arena, AViewIsWhereItsInputIs) {
  const layers::Target target{false, kernels::GemmBackend::native, 4, 1};
  const auto first = plan_of(deck_of(testing::kPerceptron));
  const auto middle = plan_of(deck_of(testing::kMixed));
  for (const bool training : {true, false}) {
    EXPECT_EQ(plan_arena<float>(*first, target, 4, training).outputs[0], kNetworkInput);
    const ArenaPlan arena = plan_arena<float>(*middle, target, 4, training);
    EXPECT_EQ(arena.outputs[1], arena.outputs[0]);
  }
}

// A deep network of equal layers.
std::string deep(std::size_t layers) {
  std::string text = "[[network.layer]]\nkind = \"flatten\"\n";
  for (std::size_t i = 0; i < layers; ++i)
    text += "[[network.layer]]\nkind = \"dense\"\nunits = 5\n";
  return text;
}

TEST(Arena, OfInferenceDoesNotGrowWithDepth) {
  const layers::Target target{false, kernels::GemmBackend::native, 4, 1};
  const auto size = [&](std::size_t layers, bool training) {
    return plan_arena<float>(*plan_of(deck_of(deep(layers))), target, 8, training).size;
  };
  EXPECT_EQ(size(40, false), size(4, false));
  EXPECT_GT(size(40, true), size(4, true));
}

TEST(NetworkMemory, AddsUpItsParts) {
  const auto plan = plan_of(deck_of(testing::kMixed, {"train.optimizer.momentum=0.9"}));
  const layers::Target target{false, kernels::GemmBackend::native, 8, 1};
  const Memory training = plan->memory(target, 16, true),
               inference = plan->memory(target, 16, false);
  EXPECT_EQ(training.parameters, 8 * plan->parameter_buffer_size);
  EXPECT_EQ(training.gradients, training.parameters);
  EXPECT_EQ(training.optimizer, training.parameters);
  EXPECT_EQ(training.activations + training.workspace,
            8 * plan_arena<double>(*plan, target, 16, true).size);
  EXPECT_EQ(training.total(), training.parameters + training.gradients + training.optimizer +
                                  training.activations + training.workspace);
  EXPECT_EQ(inference.gradients, 0u);
  EXPECT_EQ(inference.optimizer, 0u);
  const auto plain = plan_of(deck_of(testing::kMixed));
  EXPECT_EQ(plain->memory(target, 16, true).optimizer, 0u);
  const auto adam = plan_of(
      deck_of(testing::kMixed, {"train.optimizer={ kind = \"adam\", learning_rate = 0.1 }"}));
  EXPECT_EQ(adam->memory(target, 16, true).optimizer, 2 * training.parameters);
}

}  // namespace
}  // namespace ridgeline::network
