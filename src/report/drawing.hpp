#pragma once

#include <string>
#include <vector>

#include "report/picture.hpp"

namespace ridgeline::report {

/// A place in a drawing, in its pixels from the upper left corner, with its row in the picture's
/// table.
struct HoverPoint {
  double x = 0, y = 0;
  std::size_t row = 0;
};

struct Drawing {
  std::string svg;  ///< an element `svg`
  double width = 0, height = 0;
  std::vector<HoverPoint> points;
};

/// What a drawing is for.
enum class Purpose {
  page,  ///< part of a page that has the title, and the colours of the classes s0, f0, …
  file,  ///< a file of its own: with title and source above, colours and a white ground
};

/// Returns whether this build can draw and the system has what it needs for that; otherwise
/// `reason` is set.
bool can_draw(std::string* reason = nullptr);

/// Draws a picture as SVG. `width` is in pixels, of which the font has 13; panels are below each
/// other if they do not fit beside each other. Throws RunError.
Drawing draw_svg(const Picture& picture, double width, Purpose purpose);

/// Draws a picture as PNG, as for a file; `scale` is the number of the image's pixels per pixel of
/// `width`. Throws RunError.
std::string draw_png(const Picture& picture, double width, double scale);

}  // namespace ridgeline::report
