#pragma once

#include <cstddef>
#include <limits>
#include <string>

namespace ridgeline::io {

/// A width that no line reaches.
inline constexpr std::size_t kUnlimitedWidth = std::numeric_limits<std::size_t>::max();

/// Returns how many columns a UTF-8 text takes on a terminal: one per code point, as our own texts
/// have none that take two.
std::size_t display_width(const std::string& text);

/// Returns `text` with line breaks instead of spaces, so that no line takes more than `width`
/// columns unless a single word does. Lines after the first begin with `indent` spaces. Line breaks
/// in `text` stay.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent = 0);

/// Returns `text`, or, if it takes more than `width` columns, its beginning and its end with "…"
/// between them, which take `width`. A width of 0 counts as 1.
std::string abbreviated(const std::string& text, std::size_t width);

}  // namespace ridgeline::io
