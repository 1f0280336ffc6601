#pragma once

// Private to this folder: TOML text before toml++ parses it, and what is wrong with it in words.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "config/document.hpp"

namespace ridgeline::config {

/// Limits the nesting of keys, lists and tables: toml++ destroys, copies and prints documents
/// recursively.
inline constexpr std::size_t kDeepestToml = 32;

/// A fault in a TOML text and its position.
struct Fault {
  std::size_t at;
  std::string reason;
};

/// Returns the first input outside strings and comments that toml++ must not parse: deep nesting,
/// and non-ASCII characters, some of which cause undefined behaviour in version 3.3.
std::optional<Fault> fault_in(std::string_view text);

/// Returns a table with one key, "value", without a source position; nullopt if the text is not the
/// TOML of one value.
std::optional<toml::table> parse_toml_value(const std::string& text);

/// Returns the first value on this line of a TOML text that has no quotes and is not valid TOML,
/// such as `cross_entropy`; nullopt if there is none.
std::optional<std::string> unquoted_value(std::string_view text, std::size_t line);

/// Returns what is wrong with such a value, and what would be right.
std::string needs_quotes(const std::string& value);

}  // namespace ridgeline::config
