#include "report/label_places.hpp"

#include <algorithm>
#include <cmath>

namespace ridgeline::report {
namespace {

constexpr double kCell = 4;  // pixels
// What a covered cell costs, in the unit of a pixel's distance.
constexpr double kLine = 6, kBox = 12, kLabel = 60;
// How far a label may move from where it is wanted, in its own heights and widths.
constexpr int kRowsAway = 12, kColumnsAway = 4;

}  // namespace

LabelPlaces::LabelPlaces(Place low, Place high) : low_(low), high_(high) {
  columns_ = static_cast<std::size_t>(std::ceil(std::max(1.0, (high.x - low.x) / kCell)));
  rows_ = static_cast<std::size_t>(std::ceil(std::max(1.0, (high.y - low.y) / kCell)));
  cells_.resize(columns_ * rows_);
}

template <class Use>
void LabelPlaces::for_each_cell(Place low, Place high, const Use& use) const {
  const auto cell = [](double at, double origin, std::size_t count) {
    return static_cast<std::size_t>(
        std::clamp(std::floor((at - origin) / kCell), 0.0, static_cast<double>(count - 1)));
  };
  if (high.x < low_.x || low.x > high_.x || high.y < low_.y || low.y > high_.y) return;
  const std::size_t last_column = cell(high.x, low_.x, columns_);
  const std::size_t last_row = cell(high.y, low_.y, rows_);
  for (std::size_t row = cell(low.y, low_.y, rows_); row <= last_row; ++row) {
    for (std::size_t column = cell(low.x, low_.x, columns_); column <= last_column; ++column) {
      use(row * columns_ + column);
    }
  }
}

void LabelPlaces::add(Place low, Place high, double weight) {
  for_each_cell(low, high,
                [&](std::size_t cell) { cells_[cell] = std::max(cells_[cell], weight); });
}

double LabelPlaces::covered(Place low, Place high) const {
  double sum = 0;
  for_each_cell(low, high, [&](std::size_t cell) { sum += cells_[cell]; });
  return sum;
}

void LabelPlaces::avoid_line(Place from, Place to) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  const double most = 4 * static_cast<double>(columns_ + rows_);  // of a line that leaves the area
  const double steps = std::clamp(std::ceil(length / kCell), 1.0, most);
  for (double step = 0; step <= steps; ++step) {
    const double part = step / steps;
    const Place at{from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)};
    add(at, at, kLine);
  }
}

void LabelPlaces::avoid_box(Place low, Place high) { add(low, high, kBox); }

Place LabelPlaces::place(Place wanted, double width, double height) {
  const auto inside = [&](Place at) {
    return Place{std::clamp(at.x, low_.x, std::max(low_.x, high_.x - width)),
                 std::clamp(at.y, low_.y, std::max(low_.y, high_.y - height))};
  };
  Place best = inside(wanted);
  double least = INFINITY;
  for (int row = -kRowsAway; row <= kRowsAway; ++row) {
    for (int column = -kColumnsAway; column <= kColumnsAway; ++column) {
      const Place at = inside({wanted.x + column * width / 2, wanted.y + row * height});
      const double cost = covered(at, {at.x + width, at.y + height}) +
                          std::hypot(at.x - wanted.x, at.y - wanted.y) / 2;
      if (cost < least) {
        least = cost;
        best = at;
      }
    }
  }
  add(best, {best.x + width, best.y + height}, kLabel);
  return best;
}

}  // namespace ridgeline::report
