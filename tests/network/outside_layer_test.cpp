#include <gtest/gtest.h>

#include "layers/harness.hpp"
#include "network/gated_residual.hpp"

// The external layer of docs/examples: two inputs, each with its own gradient, and a parameter.

namespace ridgeline::network {
namespace {

class OutsideLayer : public testing::Computing {
 protected:
  static void SetUpTestSuite() { testing::add_gated_residual(); }
};

TEST_F(OutsideLayer, CannotTakeTheNameOfAnother) {
  for (const char* name : {"dense", "sequence", "gated_residual"}) {
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

}  // namespace
}  // namespace ridgeline::network
