#pragma once

#include <string>

#include "report/drawing.hpp"

namespace ridgeline::report {

/// Returns what PLplot's driver svg wrote as one short element: lines of the same look are joined,
/// texts come last, numbers have one decimal. Colours are classes (s: of a line, f: of an area or a
/// text, with the number of the Colour; ground) or, for a file, written out. Throws RunError if
/// PLplot wrote something else.
std::string short_svg(const std::string& plplot, const std::string& title, Purpose purpose);

}  // namespace ridgeline::report
