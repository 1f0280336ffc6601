#include "network/arena.hpp"

#include <gtest/gtest.h>

#include "core/views.hpp"
#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::plan_of;

// Part of an arena, and the time over which it must keep its values: forward of layer i is moment
// i, the loss comes after all, and backward of layer i mirrors its forward.
struct Region {
  std::string name;
  std::size_t begin, size;
  std::size_t first, last;
};

bool overlap(const Region& a, const Region& b) {
  const bool in_memory = a.begin < b.begin + b.size && b.begin < a.begin + a.size;
  return in_memory && a.first <= b.last && b.first <= a.last;
}

template <class T>
std::vector<Region> regions_of(const NetworkPlan& plan, const ArenaPlan& arena, std::size_t batch,
                               bool training) {
  std::vector<Region> regions;
  const std::size_t count = plan.layers.size(), loss = count, end = 2 * count + 1;
  for (std::size_t i = 0; i < count; ++i) {
    const layers::LayerPlan& layer = *plan.layers[i];
    const std::size_t backward = end - 1 - i;
    if (!layer.is_view(true)) {
      // Read by the next layer that is no view, or by the loss; in training by backward too.
      std::size_t reader = i + 1;
      while (reader < count && plan.layers[reader]->is_view(true)) ++reader;
      regions.push_back({layer.name, arena.outputs[i], batch * size_of(layer.output), i,
                         training ? backward : reader});
    }
    if (layer.saved(batch) > 0) {
      regions.push_back(
          {layer.name + " saved", arena.saved[i], layer.saved(batch), i, training ? backward : i});
    }
  }
  std::size_t widest = 0;
  for (const auto& layer : plan.layers) {
    widest = std::max(widest, batch * size_of(layer->output));
  }
  if (training) {
    for (const std::size_t at : arena.gradients) {
      regions.push_back({"gradient", at, widest, loss, end});
    }
  }
  regions.push_back({"row_loss", arena.row_loss, batch, loss, loss});
  regions.push_back({"row_correct", arena.row_correct, batch, loss, loss});
  regions.push_back({"workspace", arena.workspace, arena.workspace_size, 0, end});
  return regions;
}

template <class T>
void check_arena(const std::string& layers, bool training) {
  const config::Deck deck = deck_of(layers);
  const auto plan = plan_of(deck);
  for (const bool on_device : {false, true}) {
    for (const auto gemm : {kernels::GemmBackend::native, kernels::GemmBackend::kokkos_kernels}) {
      const layers::Target target{on_device, gemm, sizeof(T)};
      for (const std::size_t batch : {1, 3, 64}) {
        const ArenaPlan arena = plan_arena<T>(*plan, target, batch, training);
        const std::vector<Region> regions = regions_of<T>(*plan, arena, batch, training);
        for (std::size_t i = 0; i < regions.size(); ++i) {
          EXPECT_LE(regions[i].begin + regions[i].size, arena.size) << regions[i].name;
          EXPECT_EQ(regions[i].begin * sizeof(T) % kAlignment, 0u) << regions[i].name;
          for (std::size_t j = 0; j < i; ++j) {
            EXPECT_FALSE(overlap(regions[i], regions[j]))
                << regions[i].name << " and " << regions[j].name << (training ? " training" : "");
          }
        }
        std::size_t most = 0;
        for (const auto& layer : plan->layers) {
          most = std::max(most, layer->workspace(target, batch, training));
        }
        EXPECT_EQ(arena.workspace_size, most);
      }
    }
  }
}

TEST(Arena, RegionsThatAreAliveTogetherNeverOverlapAndAreAligned) {
  for (const std::string& layers :
       {testing::kPerceptron, testing::kMixed, testing::kActivationFirst}) {
    for (const bool training : {true, false}) {
      check_arena<float>(layers, training);
      check_arena<double>(layers, training);
    }
  }
}

TEST(Arena, AViewIsWhereItsInputIs) {
  const layers::Target target{false, kernels::GemmBackend::native, 4};
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
  const layers::Target target{false, kernels::GemmBackend::native, 4};
  const auto size = [&](std::size_t layers, bool training) {
    return plan_arena<float>(*plan_of(deck_of(deep(layers))), target, 8, training).size;
  };
  EXPECT_EQ(size(40, false), size(4, false));
  EXPECT_GT(size(40, true), size(4, true));
}

TEST(NetworkMemory, AddsUpItsParts) {
  const auto plan = plan_of(deck_of(testing::kMixed, {"train.optimizer.momentum=0.9"}));
  const layers::Target target{false, kernels::GemmBackend::native, 8};
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
}

}  // namespace
}  // namespace ridgeline::network
