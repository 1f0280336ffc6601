#include "report/label_places.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace ridgeline::report {
namespace {

constexpr double kWidth = 60, kHeight = 14;

bool overlap(Place a, Place b) {
  return std::abs(a.x - b.x) < kWidth && std::abs(a.y - b.y) < kHeight;
}

TEST(LabelPlaces, PutsALabelWhereItIsWantedIfNothingIsThere) {
  LabelPlaces places({0, 0}, {400, 300});
  const Place at = places.place({100, 150}, kWidth, kHeight);
  EXPECT_EQ(at.x, 100);
  EXPECT_EQ(at.y, 150);
}

TEST(LabelPlaces, KeepsLabelsInsideTheArea) {
  LabelPlaces places({10, 20}, {200, 100});
  for (const Place wanted : {Place{-500, 50}, Place{500, 50}, Place{50, -500}, Place{50, 500}}) {
    const Place at = places.place(wanted, kWidth, kHeight);
    EXPECT_GE(at.x, 10);
    EXPECT_LE(at.x + kWidth, 200);
    EXPECT_GE(at.y, 20);
    EXPECT_LE(at.y + kHeight, 100);
  }
}

TEST(LabelPlaces, PutsNoLabelOnAnother) {
  LabelPlaces places({0, 0}, {400, 300});
  std::vector<Place> labels;
  for (int i = 0; i < 8; ++i) {
    const Place at = places.place({200, 150}, kWidth, kHeight);
    for (const Place& other : labels) EXPECT_FALSE(overlap(at, other)) << i;
    labels.push_back(at);
  }
}

TEST(LabelPlaces, AvoidsMarkersAndLines) {
  LabelPlaces places({0, 0}, {400, 300});
  places.avoid_line({0, 155}, {400, 155});
  places.avoid_box({90, 170}, {170, 190});
  const Place at = places.place({100, 150}, kWidth, kHeight);
  EXPECT_TRUE(at.y > 155 || at.y + kHeight < 155) << at.y;
  EXPECT_TRUE(at.y > 190 || at.y + kHeight < 170 || at.x > 170 || at.x + kWidth < 90);
}

TEST(LabelPlaces, CrossesALineRatherThanCoverAMarker) {
  LabelPlaces places({0, 0}, {400, 2 * kHeight});
  places.avoid_line({0, kHeight + 7}, {400, kHeight + 7});
  places.avoid_box({0, 0}, {400, kHeight - 1});
  const Place at = places.place({100, 0}, kWidth, kHeight);
  EXPECT_GE(at.y, kHeight - 1);
}

TEST(LabelPlaces, AreFoundBesideLinesFarOutsideTheArea) {
  LabelPlaces places({0, 0}, {400, 300});
  places.avoid_line({-1e12, 150}, {1e12, 1e12});
  EXPECT_EQ(places.place({100, 150}, kWidth, kHeight).x, 100);
}

TEST(LabelPlaces, HaveAPlaceInAnAreaSmallerThanALabel) {
  LabelPlaces places({0, 0}, {20, 5});
  const Place at = places.place({7, 2}, kWidth, kHeight);
  EXPECT_EQ(at.x, 0);
  EXPECT_EQ(at.y, 0);
}

}  // namespace
}  // namespace ridgeline::report
