#pragma once

#include <cstddef>
#include <string>

#include "report/picture.hpp"

namespace ridgeline::report {

// Each space has one colour and one marker in all pictures.

Colour colour_of_space(const std::string& space);
Marker marker_of_space(const std::string& space);

/// Returns the height in pixels of a panel with this many names along its vertical axis, and
/// `parts` bars or points for each.
double height_of_names(std::size_t names, std::size_t parts = 1);

}  // namespace ridgeline::report
