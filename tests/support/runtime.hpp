#pragma once

#include <gtest/gtest.h>

#include <string>

namespace ridgeline::testing {

/// Why Kokkos does not run in this program, or empty if it does.
const std::string& no_runtime_reason();

/// Base of tests that compute. Tests run with 4 host threads, even on machines with fewer
/// processors, so that teams have several threads everywhere.
class Computing : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!no_runtime_reason().empty()) GTEST_SKIP() << no_runtime_reason();
  }
};

}  // namespace ridgeline::testing
