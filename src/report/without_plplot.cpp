#include <stdexcept>

#include "report/drawing.hpp"

// In place of the sources that use PLplot.

namespace ridgeline::report {

bool can_draw(std::string* reason) {
  if (reason != nullptr) *reason = "this build has no PLplot (Debian: libplplot-dev)";
  return false;
}

Drawing draw_svg(const Picture& /*picture*/, double /*width*/, Purpose /*purpose*/) {
  throw std::logic_error("draw_svg without PLplot");
}

std::string draw_png(const Picture& /*picture*/, double /*width*/, double /*scale*/) {
  throw std::logic_error("draw_png without PLplot");
}

}  // namespace ridgeline::report
