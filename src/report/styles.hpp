#pragma once

#include <string>

#include "report/picture.hpp"

namespace ridgeline::report {

// Each space has one colour and one marker in all pictures.

Colour colour_of_space(const std::string& space);
Marker marker_of_space(const std::string& space);

}  // namespace ridgeline::report
