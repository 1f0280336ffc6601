#pragma once

#include <optional>
#include <string>

namespace ridgeline::config {

/// What a duration must be, for messages.
inline constexpr const char* kDurationDescription =
    "a duration such as \"23h50m\", \"1d12h\" or \"90s\"";

/// Returns the seconds of a duration `[Nd][Nh][Nm][Ns]`, each N decimal; nullopt for anything else,
/// for 0, and for more than a hundred years.
std::optional<double> parse_duration(const std::string& text);

}  // namespace ridgeline::config
