#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace ridgeline::miniapp {

// Validators for numbers on the command line, which are decimal: CLI11 alone reads 010 as 8. Each
// is an argument of an option's transform().

/// The largest seed of an option or a deck.
inline constexpr std::int64_t kMostSeed = std::numeric_limits<std::int64_t>::max();

/// The values of --space, for the help; which of them a build has is checked before anything runs.
inline constexpr const char* kSpaceNames = "{auto,serial,openmp,cuda}";

/// Accepts an integer from `least` to `most`.
CLI::Validator integer(std::int64_t least, std::int64_t most);

/// Accepts a number from `least` to `most`.
CLI::Validator real(double least, double most);

/// Accepts a size in bytes: "64KiB", "1GiB", "4096".
CLI::Validator size();

}  // namespace ridgeline::miniapp
