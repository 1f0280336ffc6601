#include <gtest/gtest.h>

#include "io/scratch.hpp"
#include "layers/harness.hpp"
#include "network/gated_residual.hpp"
#include "network/networks.hpp"

// The external layer of docs/examples: two inputs, each with its own gradient, and a parameter.

namespace ridgeline::network {
namespace {

class OutsideLayer : public testing::Computing {
 protected:
  static void SetUpTestSuite() { testing::add_gated_residual(); }
};

TEST_F(OutsideLayer, CannotTakeTheNameOfAnother) {
  for (const char* name : {"dense", "sequence", "gated_residual", "", "a/b", "Gate"}) {
    EXPECT_THROW(layers::add_layer_kind(layers::kind_of<example::GatedResidual>(name)),
                 RequestError);
  }
}

TEST_F(OutsideLayer, BackwardMatchesFiniteDifferences) {
  for (const Shape& shape : {Shape{5}, Shape{3, 20}}) {
    const auto layer = testing::plan_of("kind = \"gated_residual\"\ninitial = 1", shape);
#define RIDGELINE_CHECK(Space, T) \
  if (std::is_same_v<T, double>) testing::check_gradients<Space>(*layer, 3);
    RIDGELINE_FOR_SPACES(RIDGELINE_CHECK)
#undef RIDGELINE_CHECK
  }
}

// A sum that takes vectors alone.
struct VectorSum : example::GatedResidual {
  explicit VectorSum(const layers::Description& from) : GatedResidual(from) {
    layers::require_dimensions(from, 1, "vectors [features]");
  }
};

// What matters is the shape that the branches give it, not the one that they begin with.
TEST_F(OutsideLayer, SeesTheShapeOfItsBranches) {
  if (!layers::find_layer_kind("vector_sum")) {
    layers::add_layer_kind(layers::kind_of<VectorSum>("vector_sum"));
  }
  const auto error_with = [](const std::string& shortcut) {
    return testing::error_of([&] {
      testing::plan_of(
          testing::deck_of("[[network.layer]]\nkind = \"vector_sum\"\nname = \"sum\"\n"
                           "layer = [ { kind = \"flatten\" } ]\nshortcut = [ " +
                           shortcut + " ]\n[[network.layer]]\nkind = \"dense\"\nunits = 5\n"));
    });
  };
  EXPECT_EQ(error_with("{ kind = \"flatten\" }"), "none");
  EXPECT_TRUE(
      testing::contains(error_with(""), "[12] from its layers and [3, 4] from its shortcut"));
}

}  // namespace
}  // namespace ridgeline::network
