#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "network/networks.hpp"

namespace ridgeline::network {
namespace {

using testing::deck_of;
using testing::plan_of;

// Two layers of one shape, large enough for statistics.
const std::string kWide = R"([[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dense"
name = "first"
units = 300
[[network.layer]]
kind = "dense"
name = "second"
units = 300
[[network.layer]]
kind = "dense"
name = "third"
units = 300
[[network.layer]]
kind = "dense"
name = "last"
units = 5
)";

std::shared_ptr<const NetworkPlan> wide(const std::string& initialization) {
  return plan_of(deck_of(kWide, {"network.initialization=" + initialization}));
}

std::vector<double> values_of(const NetworkPlan& plan, const std::vector<double>& all,
                              const std::string& layer, const std::string& name) {
  for (const ParameterSlot& slot : plan.parameters) {
    if (slot.layer != layer || slot.parameter.name != name) continue;
    return {all.begin() + std::ptrdiff_t(slot.offset),
            all.begin() + std::ptrdiff_t(slot.offset + slot.size)};
  }
  return {};
}

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0, largest = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (const double value : values) {
    m.mean += value / double(values.size());
    m.largest = std::max(m.largest, std::abs(value));
  }
  double second = 0, fourth = 0;
  for (const double value : values) {
    const double square = (value - m.mean) * (value - m.mean);
    second += square / double(values.size());
    fourth += square * square / double(values.size());
  }
  m.deviation = std::sqrt(second);
  m.kurtosis = fourth / (second * second);
  return m;
}

// Checks a uniform distribution within ±bound: it reaches the bound, never exceeds it, and is flat
// between.
void expect_uniform(const std::vector<double>& values, double bound) {
  const Moments m = moments(values);
  const double count = double(values.size());
  EXPECT_LE(m.largest, bound);
  EXPECT_GT(m.largest, bound * (1 - 20 / count));
  EXPECT_LT(std::abs(m.mean), 4 * bound / std::sqrt(3 * count));
  EXPECT_NEAR(m.deviation, bound / std::sqrt(3.0), 3 * bound / std::sqrt(count));
  EXPECT_NEAR(m.kurtosis, 1.8, 20 / std::sqrt(count));
}

TEST(Initialization, DefaultIsPyTorchsUniformByFanIn) {
  const auto plan = wide("default");
  const std::vector<double> all = initial_parameters<double>(*plan, 1);
  expect_uniform(values_of(*plan, all, "first", "weight"), 1 / std::sqrt(12.0));
  expect_uniform(values_of(*plan, all, "first", "bias"), 1 / std::sqrt(12.0));
  expect_uniform(values_of(*plan, all, "second", "weight"), 1 / std::sqrt(300.0));
  expect_uniform(values_of(*plan, all, "second", "bias"), 1 / std::sqrt(300.0));
  expect_uniform(values_of(*plan, all, "last", "weight"), 1 / std::sqrt(300.0));
}

TEST(Initialization, KaimingNormalHasTwoOverFanInAsVarianceAndNoBias) {
  const auto plan = wide("kaiming_normal");
  const std::vector<double> all = initial_parameters<double>(*plan, 1);
  for (const auto& [layer, fan_in] :
       {std::pair<std::string, double>{"first", 12}, {"second", 300}}) {
    const std::vector<double> values = values_of(*plan, all, layer, "weight");
    const Moments m = moments(values);
    const double deviation = std::sqrt(2 / fan_in), root = std::sqrt(double(values.size()));
    EXPECT_LT(std::abs(m.mean), 4 * deviation / root);
    EXPECT_NEAR(m.deviation, deviation, 3 * deviation / root);
    EXPECT_NEAR(m.kurtosis, 3, 20 / root);
    EXPECT_EQ(values_of(*plan, all, layer, "bias"), std::vector<double>(300, 0.0));
  }
}

TEST(Initialization, XavierUniformIsBoundedByBothFansAndHasNoBias) {
  const auto plan = wide("xavier_uniform");
  const std::vector<double> all = initial_parameters<double>(*plan, 1);
  expect_uniform(values_of(*plan, all, "first", "weight"), std::sqrt(6.0 / 312));
  expect_uniform(values_of(*plan, all, "second", "weight"), std::sqrt(6.0 / 600));
  EXPECT_EQ(values_of(*plan, all, "first", "bias"), std::vector<double>(300, 0.0));
}

TEST(Initialization, DependsOnTheSeedAlone) {
  for (const char* initialization : {"default", "kaiming_normal", "xavier_uniform"}) {
    const auto plan = wide(initialization), again = wide(initialization);
    const std::vector<float> first = initial_parameters<float>(*plan, 7);
    EXPECT_EQ(first, initial_parameters<float>(*again, 7));
    EXPECT_NE(first, initial_parameters<float>(*plan, 8));
    // float32 rounds the values of float64.
    const std::vector<double> wide_values = initial_parameters<double>(*plan, 7);
    EXPECT_EQ(first, std::vector<float>(wide_values.begin(), wide_values.end()));
  }
}

TEST(Initialization, GivesEveryParameterItsOwnNumbersAndGapsZero) {
  const auto plan = wide("default");
  const std::vector<double> all = initial_parameters<double>(*plan, 1);
  ASSERT_EQ(all.size(), plan->parameter_buffer_size);
  EXPECT_NE(values_of(*plan, all, "second", "weight"), values_of(*plan, all, "third", "weight"));
  std::set<double> different(all.begin(), all.end());
  // All gaps have the value zero; other values hardly ever repeat.
  EXPECT_EQ(different.size(), plan->parameter_count() + 1);
  std::size_t zeros = 0;
  for (const double value : all) zeros += value == 0 ? 1 : 0;
  EXPECT_EQ(zeros, plan->parameter_buffer_size - plan->parameter_count());
}

}  // namespace
}  // namespace ridgeline::network
