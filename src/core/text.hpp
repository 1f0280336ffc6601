#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ridgeline {

/// Returns the character, a Unicode code point, at byte `at` of a UTF-8 text, and moves `at` behind
/// it. Returns nullopt and leaves `at` unchanged if there is no valid UTF-8 (truncated, overlong, a
/// surrogate, beyond U+10FFFF), or a NUL, which plain text does not contain.
std::optional<char32_t> next_character(std::string_view text, std::size_t& at);

/// Returns a code point encoded as UTF-8.
std::string to_utf8(char32_t character);

/// Returns the line number of byte `at` of a text, from 1; that of the end if `at` is beyond it.
std::size_t line_of(std::string_view text, std::size_t at);

/// Returns whether `text` contains a control character (C0, DEL, C1), a line separator, or a
/// character that changes the text direction. Names and paths must contain none of these.
bool has_control_character(std::string_view text);

/// Returns `text` with the bytes of characters that has_control_character() finds, and bytes of
/// invalid UTF-8, as `\xNN`: one line that a terminal prints unchanged. Applied to every message.
std::string printable(std::string_view text);

/// Returns `text`; if it is longer than 2000 bytes, its beginning and end with the number of
/// omitted bytes.
std::string shortened(const std::string& text);

/// Returns whether `text` is valid UTF-8.
bool is_utf8(std::string_view text);

/// Returns the element of `known` of which `word` is most probably a misspelling: with the fewest
/// insertions, deletions, substitutions or transpositions, at most two or a third of the word.
/// Returns an empty text if there is none.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

/// Returns `text` as one word of a POSIX shell: unchanged if it has no special characters,
/// otherwise in single quotes.
std::string shell_quoted(const std::string& text);

}  // namespace ridgeline
