#include <fmt/format.h>

#include <cmath>

#include "config/option_table.hpp"

namespace ridgeline::config {

bool Range::contains(double value) const {
  return std::isfinite(value) && (minimum_allowed ? value >= minimum : value > minimum) &&
         (maximum_allowed ? value <= maximum : value < maximum);
}

std::string Range::text() const {
  const std::string low = std::isfinite(minimum)
                              ? (minimum_allowed ? "" : "above ") + fmt::format("{}", minimum)
                              : std::string();
  const std::string high = std::isfinite(maximum)
                               ? (maximum_allowed ? "" : "below ") + fmt::format("{}", maximum)
                               : std::string();
  if (low.empty() && high.empty()) return "finite";
  if (high.empty()) return minimum_allowed ? "at least " + low : low;
  if (low.empty()) return maximum_allowed ? "at most " + high : high;
  return "from " + low + " to " + high;
}

std::string Range::description() const {
  const std::string range = text();
  if (range == "finite") return "a finite number";
  return (range.compare(0, 3, "at ") == 0 ? "a number of " : "a number ") + range;
}

}  // namespace ridgeline::config
