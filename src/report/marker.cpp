#include "report/marker.hpp"

#include <cmath>
#include <utility>

namespace ridgeline::report {
namespace {

std::vector<Place> corners_of(Marker marker, Place at, double radius) {
  std::vector<Place> corners;
  const auto add = [&](double angle, double length) {
    corners.push_back({at.x + length * std::cos(angle), at.y + length * std::sin(angle)});
  };
  constexpr double kPi = 3.14159265358979323846;
  switch (marker) {
    case Marker::none:
      break;
    case Marker::circle:
      for (int i = 0; i < 16; ++i) add(kPi * i / 8, radius);
      break;
    case Marker::square:
      for (int i = 0; i < 4; ++i) add(kPi * (2 * i + 1) / 4, 1.25 * radius);
      break;
    case Marker::diamond:
      for (int i = 0; i < 4; ++i) add(kPi * i / 2, 1.35 * radius);
      break;
    case Marker::triangle:
      for (int i = 0; i < 3; ++i) add(kPi * (4 * i + 3) / 6, 1.4 * radius);
      break;
    case Marker::cross: {
      const double thin = 0.35 * radius, far = 1.2 * radius;
      for (const auto& [x, y] :
           {std::pair(thin, far), std::pair(thin, thin), std::pair(far, thin),
            std::pair(far, -thin), std::pair(thin, -thin), std::pair(thin, -far),
            std::pair(-thin, -far), std::pair(-thin, -thin), std::pair(-far, -thin),
            std::pair(-far, thin), std::pair(-thin, thin), std::pair(-thin, far)}) {
        corners.push_back({at.x + (x + y) * 0.7071, at.y + (y - x) * 0.7071});
      }
      break;
    }
  }
  return corners;
}

}  // namespace

void draw_marker(Canvas& canvas, Marker marker, Place at, Colour colour, bool hollow, double area) {
  if (marker == Marker::none) return;
  std::vector<Place> corners = corners_of(marker, at, kMarkerRadius * std::sqrt(area));
  if (!hollow) return canvas.fill(corners, colour);
  canvas.erase(corners);
  corners.push_back(corners.front());
  canvas.line(corners, colour, Line::solid, 1.2);
}

}  // namespace ridgeline::report
