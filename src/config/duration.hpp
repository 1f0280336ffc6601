#pragma once

#include <optional>
#include <string>

namespace ridgeline::config {

/// Description of a duration, for messages.
inline constexpr const char* kDurationDescription =
    "a duration such as \"23h50m\", \"1d12h\" or \"90s\"";

/// Returns the seconds of a duration `[Nd][Nh][Nm][Ns]`, each N decimal; nullopt for any other
/// text, for 0, and for more than a hundred years.
std::optional<double> parse_duration(const std::string& text);

}  // namespace ridgeline::config
