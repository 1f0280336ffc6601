#include "io/units.hpp"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

namespace ridgeline::io {
namespace {

// Formats with three significant digits and a unit such that the number is from 1 to 999.
std::string with_unit(double value, double first, std::initializer_list<const char*> units) {
  double scaled = value / first;
  const char* unit = *units.begin();
  for (const char* next : units) {
    unit = next;
    if (std::abs(scaled) < 999.5) break;
    if (next != *(units.end() - 1)) scaled /= 1000;
  }
  const int digits = std::abs(scaled) < 9.995 ? 2 : std::abs(scaled) < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", scaled, digits, unit);
}

}  // namespace

std::string show_seconds(double seconds) {
  return with_unit(seconds, 1e-9, {"ns", "µs", "ms", "s"});
}
std::string show_bytes(double bytes) {
  return bytes < 1000 ? fmt::format("{:.0f} B", bytes)
                      : with_unit(bytes, 1e3, {"kB", "MB", "GB", "TB"});
}
std::string show_count(std::int64_t count, const std::string& noun) {
  const char* const ending = count == 1 ? "" : !noun.empty() && noun.back() == 's' ? "es" : "s";
  return fmt::format("{} {}{}", count, noun, ending);
}
std::string show_flops(double flops) {
  return flops < 1000 ? fmt::format("{:.0f} FLOP", flops)
                      : with_unit(flops, 1e3, {"kFLOP", "MFLOP", "GFLOP", "TFLOP"});
}

}  // namespace ridgeline::io
