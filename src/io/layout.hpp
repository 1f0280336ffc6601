#pragma once

#include <cstddef>
#include <limits>
#include <string>

namespace ridgeline::io {

/// A width that no line exceeds.
inline constexpr std::size_t kUnlimitedWidth = std::numeric_limits<std::size_t>::max();

/// Returns the number of terminal columns of a UTF-8 text: one per code point, since Ridgeline's
/// texts have no wide characters.
std::size_t display_width(const std::string& text);

/// Returns `text` with spaces replaced by line breaks, so that no line exceeds `width` columns
/// unless a single word does. Lines after the first begin with `indent` spaces. Keeps line breaks
/// in `text`.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent = 0);

/// Returns `text`; if it exceeds `width` columns, its beginning and end with "…" between them,
/// `width` columns in total. A width of 0 counts as 1.
std::string abbreviated(const std::string& text, std::size_t width);

}  // namespace ridgeline::io
