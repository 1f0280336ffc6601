#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ridgeline {

/// Returns the character, a Unicode code point, at byte `at` of a UTF-8 text, and moves `at` behind
/// it. Returns nullopt, and leaves `at`, if no valid UTF-8 begins there (truncated, overlong, a
/// surrogate, beyond U+10FFFF) or a NUL, which no plain text holds.
std::optional<char32_t> next_character(std::string_view text, std::size_t& at);

/// Returns a code point as UTF-8.
std::string to_utf8(char32_t character);

/// Returns the line of byte `at` of a text, counted from 1; that of the end if `at` is beyond it.
std::size_t line_of(std::string_view text, std::size_t at);

/// Whether `text` holds a control character (C0, DEL, C1), a separator of lines, or a character
/// that changes the direction of writing. Names and paths hold none of these.
bool has_control_character(std::string_view text);

/// Returns `text` with each byte of what has_control_character() finds, and of what is no valid
/// UTF-8, as `\xNN`: one line that a terminal shows as it is. Every message passes through here.
std::string printable(std::string_view text);

/// Returns `text`, of one longer than 2000 bytes the beginning and the end with the number of bytes
/// that are left out.
std::string shortened(const std::string& text);

/// Whether `text` is valid UTF-8.
bool is_utf8(std::string_view text);

/// Returns that of `known` which `word` most probably is a misspelling of: the fewest characters
/// inserted, removed, replaced or swapped with their neighbour, at most two or a third of the word.
/// Returns an empty text if none is so near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// Returns `text` as one word of a POSIX shell: as it is if no character of it is special there,
/// otherwise in single quotes.
std::string shell_quoted(const std::string& text);

}  // namespace ridgeline
