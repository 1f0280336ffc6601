#pragma once

#include <string>
#include <vector>

namespace ridgeline::report {

/// Returns about how many pixels a text of this size is wide in a sans-serif font.
double text_width(const std::string& text, double size);

/// Splits a text at spaces into lines of at most this width, a wider word is cut.
std::vector<std::string> lines_of(const std::string& text, double size, double width);

/// Returns a text, cut so that it is at most this wide.
std::string shortened(const std::string& text, double size, double width);

}  // namespace ridgeline::report
