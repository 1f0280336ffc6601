#include <gtest/gtest.h>

#include <memory>

#include "core/spaces.hpp"
#include "support/runtime.hpp"

namespace ridgeline::testing {
namespace {
std::string reason;
}
const std::string& no_runtime_reason() { return reason; }
}  // namespace ridgeline::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::unique_ptr<ridgeline::Runtime> runtime;
  try {
    runtime = std::make_unique<ridgeline::Runtime>(4);
  } catch (const ridgeline::Error& error) {
    ridgeline::testing::reason = error.what();  // a CUDA build where there is no device
  }
  return RUN_ALL_TESTS();
}
