#pragma once

#include <cstddef>
#include <vector>

#include "report/canvas.hpp"
#include "report/drawing.hpp"

namespace ridgeline::report {

// Pixels.
inline constexpr double kFont = 13, kSmallFont = 12;
inline constexpr double kLineHeight = 19;
inline constexpr double kEdge = 8;  ///< of free space at the sides of a picture

/// Returns how many lines the panel's title has at a width.
std::size_t title_lines(const Panel& panel, double width);

/// Draws a panel between two corners. `titles` are the lines of the longest title beside it. Adds
/// the points that belong to a row of the picture's table to `hover`, from the lower left corner.
void draw_panel(Canvas& canvas, const Panel& panel, Place low, Place high, std::size_t titles,
                std::vector<HoverPoint>& hover);

}  // namespace ridgeline::report
