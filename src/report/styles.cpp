#include "report/styles.hpp"

#include <algorithm>

namespace ridgeline::report {

Colour colour_of_space(const std::string& space) {
  if (space == "serial") return Colour::orange;
  if (space == "openmp" || space == "host") return Colour::blue;
  return Colour::green;
}

Marker marker_of_space(const std::string& space) {
  if (space == "serial") return Marker::triangle;
  if (space == "openmp" || space == "host") return Marker::circle;
  return Marker::square;
}

double height_of_names(std::size_t names, std::size_t parts) {
  constexpr std::size_t kLeast = 3;
  const double of_one = 14 + 11 * static_cast<double>(parts);
  return 60 + of_one * static_cast<double>(std::max(kLeast, names));
}

}  // namespace ridgeline::report
