#include "data/vocabulary.hpp"

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"

namespace ridgeline::data {
namespace {

constexpr char32_t kLast = 0x10FFFF;

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

/// Control characters, separators of lines and what only changes how its neighbours show.
bool is_printable(char32_t c) {
  return c >= 0x20 && (c < 0x7F || c >= 0xA0) && !(c >= 0x300 && c < 0x370) &&
         !(c >= 0x200B && c < 0x2010) && !(c >= 0x2028 && c < 0x2030) && c != 0xFEFF;
}

}  // namespace

std::optional<char32_t> next_character(std::string_view text, std::size_t& at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) {
    if (first == 0) return {};
    ++at;
    return static_cast<char32_t>(first);
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return {};
  char32_t character = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned byte = byte_at(text, at + i);
    if ((byte & 0xC0) != 0x80) return {};
    character = character << 6 | (byte & 0x3F);
  }
  const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = character >= 0xD800 && character < 0xE000;
  if (character < least || character > kLast || surrogate) return {};
  at += length;
  return character;
}

std::string to_utf8(char32_t character) {
  std::string text;
  const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (character < 0x80) {
    add(character);
    return text;
  }
  const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
  constexpr char32_t kMark[] = {0, 0xC0, 0xE0, 0xF0};
  add(kMark[more] | character >> (6 * more));
  for (int i = more - 1; i >= 0; --i) add(0x80 | (character >> (6 * i) & 0x3F));
  return text;
}

std::string show_character(char32_t character) {
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(character));
  return is_printable(character) ? "\"" + to_utf8(character) + "\" (" + code + ")" : code;
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

Vocabulary::Vocabulary(const std::vector<char32_t>& characters) {
  for (const char32_t character : characters) {
    if (character >= tokens_.size()) tokens_.resize(character + 1, -1);
    tokens_[character] = static_cast<std::int32_t>(characters_.size());
    characters_.push_back(to_utf8(character));
  }
}

Vocabulary Vocabulary::of(const std::vector<std::string>& texts) {
  std::vector<bool> seen(kLast + 1, false);
  for (const std::string& text : texts) {
    for (std::size_t at = 0; at < text.size();) {
      const auto character = next_character(text, at);
      if (!character) break;
      seen[*character] = true;
    }
  }
  std::vector<char32_t> characters;
  for (char32_t c = 0; c <= kLast; ++c) {
    if (seen[c]) characters.push_back(c);
  }
  return Vocabulary(characters);
}

Vocabulary Vocabulary::from_joined(const std::string& characters, const std::string& source) {
  std::vector<char32_t> list;
  std::vector<bool> seen(kLast + 1, false);
  for (std::size_t at = 0; at < characters.size();) {
    const auto character = next_character(characters, at);
    if (!character) {
      throw RequestError(source + ": is not valid UTF-8 at byte " + std::to_string(at));
    }
    if (seen[*character]) {
      throw RequestError(source + ": holds the character " + show_character(*character) + " twice");
    }
    seen[*character] = true;
    list.push_back(*character);
  }
  if (list.empty()) throw RequestError(source + ": holds no characters");
  return Vocabulary(list);
}

std::optional<std::int32_t> Vocabulary::token(char32_t character) const {
  if (character >= tokens_.size() || tokens_[character] < 0) return {};
  return tokens_[character];
}

std::vector<std::int32_t> Vocabulary::encode(std::string_view text,
                                             const std::string& source) const {
  std::vector<std::int32_t> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const auto character = next_character(text, at);
    if (!character) {
      throw RequestError(source + ": is not valid UTF-8 at byte " + std::to_string(start));
    }
    const auto found = token(*character);
    if (!found) {
      throw RequestError(source + ": character " + std::to_string(tokens.size() + 1) + ", " +
                         show_character(*character) + ", is not among the " +
                         std::to_string(size()) + " characters that the network knows");
    }
    tokens.push_back(*found);
  }
  return tokens;
}

const std::string& Vocabulary::decode(std::int32_t token) const {
  return characters_.at(static_cast<std::size_t>(token));
}

}  // namespace ridgeline::data
