#pragma once

#include "report/canvas.hpp"

namespace ridgeline::report {

/// Radius in pixels of a marker of area 1.
inline constexpr double kMarkerRadius = 3.4;

/// Draws a marker, filled or (`hollow`) as an outline. `area` is relative to others.
void draw_marker(Canvas& canvas, Marker marker, Place at, Colour colour, bool hollow,
                 double area = 1);

}  // namespace ridgeline::report
