#include "config/duration.hpp"

#include <string_view>

namespace ridgeline::config {

std::optional<double> parse_duration(const std::string& text) {
  constexpr std::string_view kUnits = "dhms";
  constexpr double kSeconds[] = {86400, 3600, 60, 1};
  constexpr double kMost = 100 * 365.25 * 86400;
  double total = 0;
  std::size_t next_unit = 0;
  for (std::size_t at = 0; at < text.size();) {
    double number = 0;
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      number = 10 * number + (text[at] - '0');
    }
    const std::size_t unit = at < text.size() ? kUnits.find(text[at]) : kUnits.npos;
    if (at == begin || unit == kUnits.npos || unit < next_unit) return {};
    total += number * kSeconds[unit];
    next_unit = unit + 1;
    ++at;
  }
  if (total <= 0 || total > kMost) return {};
  return total;
}

}  // namespace ridgeline::config
