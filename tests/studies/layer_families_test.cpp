#include "studies/layer_families.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"
#include "model/layer_runner.hpp"
#include "support/runtime.hpp"

namespace ridgeline::studies {
namespace {

class LayerFamiliesOnSpaces : public testing::Computing {};

TEST(LayerFamilies, HaveEveryKindOfLayerThatComputes) {
  for (const layers::LayerKind& kind : layers::layer_kinds()) {
    if (kind.name == "flatten") continue;
    EXPECT_EQ(families_of({kind.name}).size(), 1u) << kind.name;
  }
  EXPECT_EQ(layer_families().size(), layers::layer_kinds().size() - 1);
  EXPECT_THROW(families_of({"flatten"}), RequestError);
  EXPECT_THROW(families_of({"dens"}), RequestError);
}

TEST(LayerFamilies, GrowWithTheirWidth) {
  for (const LayerFamily& family : layer_families()) {
    const std::vector<std::size_t> widths = family.widths();
    EXPECT_TRUE(std::is_sorted(widths.begin(), widths.end())) << family.kind;
    EXPECT_GE(widths.size(), 5u) << family.kind;
    double before = 0;
    for (const std::size_t width : widths) {
      const auto layer = family.layer(width);
      EXPECT_EQ(layer->kind, family.kind);
      const double bytes =
          model::counts_of(*layer, model::Pass::both, family.batch, 4).working_set_bytes;
      EXPECT_GT(bytes, before) << family.kind << " " << width;
      before = bytes;
    }
  }
  EXPECT_EQ(families_of({"attention"})[0].shape(), "[64, width]");
}

template <class Space>
void check_on(const Space& instance) {
  for (const LayerFamily& family : layer_families()) {
    const auto layer = family.layer(family.first_width);
    for (const model::Pass pass : {model::Pass::forward, model::Pass::both}) {
      model::LayerRunner<Space, float> runner(instance, layer, 3, pass, family.tokens);
      const LaunchCount before = launch_count;
      runner.run();
      runner.run_with_transfers();
      instance.fence();
      const bool launched =
          launch_count.parallel + launch_count.single > before.parallel + before.single;
      EXPECT_EQ(launched, !(pass == model::Pass::forward && layer->is_view(false)))
          << family.kind << " " << model::to_string(pass);
      EXPECT_GT(runner.bytes_to_space(), 0);
      // Tokens have no gradient to give back.
      EXPECT_EQ(runner.bytes_to_host() > 0, pass == model::Pass::forward || family.tokens == 0);
    }
  }
}

TEST_F(LayerFamiliesOnSpaces, Run) {
  for (const SpaceKind kind : built_spaces()) {
    SCOPED_TRACE(to_string(kind));
    with_space(kind, [](const auto& instance) { check_on(instance); });
  }
}

}  // namespace
}  // namespace ridgeline::studies
