#include "report/axis.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ridgeline::report {
namespace {

std::vector<std::string> texts(const AxisRange& range, std::size_t most) {
  std::vector<std::string> all;
  for (const Tick& tick : range.ticks(most)) all.push_back(tick.text);
  return all;
}

using Texts = std::vector<std::string>;

TEST(Axis, LabelsPowersOfTwoAsBytes) {
  const Axis axis{"working set", Scale::log2, Ticks::bytes};
  const AxisRange range(axis, {0x1p12, 0x1p31});
  EXPECT_EQ(texts(range, 6), (Texts{"4 KiB", "64 KiB", "1 MiB", "16 MiB", "256 MiB"}));
}

TEST(Axis, LabelsOneTwoAndFiveOfFewDecades) {
  const AxisRange range({"rate (GB/s)", Scale::log10}, {3, 60});
  EXPECT_EQ(texts(range, 12), (Texts{"5", "10", "20", "50"}));
}

TEST(Axis, LabelsSecondsWithUnits) {
  const AxisRange range({"time", Scale::log10, Ticks::seconds}, {1e-9, 1e-2});
  EXPECT_EQ(texts(range, 10),
            (Texts{"1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms"}));
}

TEST(Axis, HasSeveralLabelsPerPowerOfTenIfItSpansFew) {
  const Axis axis{"time", Scale::log10, Ticks::seconds};
  EXPECT_EQ(texts(AxisRange(axis, {25e-9, 720e-9}), 8),
            (Texts{"50 ns", "100 ns", "200 ns", "500 ns"}));
  EXPECT_EQ(texts(AxisRange(axis, {25e-9, 720e-9}), 3), (Texts{"30 ns", "100 ns", "300 ns"}));
}

TEST(Axis, LabelsRoundValuesOfALinearAxis) {
  Axis axis{"share (%)"};
  axis.from = 0;
  const AxisRange range(axis, {87});
  EXPECT_EQ(texts(range, 5), (Texts{"0", "20", "40", "60", "80"}));
}

TEST(Axis, HasAtMostAsManyLabelsAsRequested) {
  for (const Scale scale : {Scale::linear, Scale::log2, Scale::log10}) {
    for (const double largest : {1.001, 1.5, 3.0, 40.0, 7e3, 2e9, 1e15}) {
      for (std::size_t most = 3; most < 20; ++most) {
        const AxisRange range({"x", scale}, {1, largest});
        const auto ticks = range.ticks(most);
        EXPECT_LE(ticks.size(), most + 2) << int(scale) << " " << largest << " " << most;
        EXPECT_GE(ticks.size(), 1u) << int(scale) << " " << largest << " " << most;
        for (const Tick& tick : ticks) {
          EXPECT_GE(range.position(tick.value), -1e-6);
          EXPECT_LE(range.position(tick.value), 1 + 1e-6);
        }
      }
    }
  }
}

TEST(Axis, ShowsNoValueThatALogarithmCannot) {
  const AxisRange logarithmic({"x", Scale::log10}, {1, 10});
  EXPECT_FALSE(logarithmic.shows(0));
  EXPECT_FALSE(logarithmic.shows(-1));
  EXPECT_FALSE(logarithmic.shows(std::nan("")));
  EXPECT_TRUE(logarithmic.shows(2));
  EXPECT_TRUE(AxisRange(Axis{"x"}, {1, 10}).shows(-1));
}

TEST(Axis, SpansWhatIsDrawnWithAMargin) {
  const AxisRange range(Axis{"x"}, {10, 20});
  EXPECT_GT(range.position(10), 0);
  EXPECT_LT(range.position(20), 1);
  EXPECT_NEAR(range.position(15), 0.5, 1e-12);
}

TEST(Axis, IsValidWithoutValuesAndWithOneValue) {
  for (const Scale scale : {Scale::linear, Scale::log2, Scale::log10}) {
    EXPECT_FALSE(AxisRange({"x", scale}, {}).ticks(5).empty());
    const AxisRange one({"x", scale}, {5});
    EXPECT_NEAR(one.position(5), 0.5, 1e-9);
  }
}

TEST(Axis, EndsWhereAStepIsBelowTheResolution) {
  EXPECT_LE(AxisRange(Axis{"x"}, {1e17, 1e17 + 64}).ticks(8).size(), 10u);
}

TEST(Axis, HasATickForEachCategory) {
  Axis axis{"layer"};
  axis.categories = {"fc1", "fc2", "loss"};
  const AxisRange range(axis, {});
  EXPECT_EQ(texts(range, 1), axis.categories);
  EXPECT_LT(range.position(0), range.position(1));
}

}  // namespace
}  // namespace ridgeline::report
