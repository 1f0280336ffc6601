#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace ridgeline::miniapp {

// Validators for numbers on the command line, which are decimal: CLI11 alone reads 010 as 8. Each
// is given to an option's transform().

/// The largest seed that an option or a deck takes.
inline constexpr std::int64_t kMostSeed = std::numeric_limits<std::int64_t>::max();

/// An integer from `least` to `most`.
CLI::Validator integer(std::int64_t least, std::int64_t most);

/// A number from `least` to `most`.
CLI::Validator real(double least, double most);

/// A size in bytes, "64KiB", "1GiB", "4096".
CLI::Validator size();

}  // namespace ridgeline::miniapp
