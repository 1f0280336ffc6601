#pragma once

#include <cstddef>
#include <vector>

namespace ridgeline::report {

/// A place in pixels from the lower left corner.
struct Place {
  double x = 0, y = 0;
};

/// Finds places for labels beside what is drawn. The area is divided into square cells, which count
/// how much of a drawing they hold, so that the time is linear in the length of what is drawn.
class LabelPlaces {
 public:
  /// Labels are between these corners.
  LabelPlaces(Place low, Place high);

  /// A label may cross a line if there is no better place.
  void avoid_line(Place from, Place to);
  /// Markers.
  void avoid_box(Place low, Place high);

  /// Returns the lower left corner of a label of this size, near `wanted`, where it covers least,
  /// and reserves it.
  Place place(Place wanted, double width, double height);

 private:
  void add(Place low, Place high, double weight);
  double covered(Place low, Place high) const;
  /// Calls `use` with each cell between two corners.
  template <class Use>
  void for_each_cell(Place low, Place high, const Use& use) const;

  Place low_, high_;
  std::size_t columns_ = 0, rows_ = 0;
  std::vector<double> cells_;
};

}  // namespace ridgeline::report
