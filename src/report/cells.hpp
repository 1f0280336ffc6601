#pragma once

#include "io/table.hpp"

namespace ridgeline::report {

// Cells of tables; empty for a value that is not finite.

/// Returns "1.44 ms".
io::Cell seconds_cell(double seconds);
/// Returns a value in an fmt format; empty if it is not above 0.
io::Cell positive_cell(double value, const char* format);

}  // namespace ridgeline::report
