#include "report/styles.hpp"

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

}  // namespace ridgeline::report
