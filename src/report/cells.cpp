#include "report/cells.hpp"

#include <cmath>

#include "io/units.hpp"

namespace ridgeline::report {

io::Cell seconds_cell(double seconds) {
  return std::isfinite(seconds) ? io::Cell::shown_as(seconds, io::show_seconds(seconds))
                                : io::Cell();
}

io::Cell positive_cell(double value, const char* format) {
  return std::isfinite(value) && value > 0 ? io::Cell(value, format) : io::Cell();
}

}  // namespace ridgeline::report
