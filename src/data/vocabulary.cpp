#include "data/vocabulary.hpp"

#include <algorithm>
#include <cstdio>

#include "core/error.hpp"
#include "core/text.hpp"

namespace ridgeline::data {
namespace {

constexpr char32_t kLast = 0x10FFFF;

/// Excludes control characters, line separators and characters that only modify adjacent ones.
bool is_printable(char32_t c) {
  return c >= 0x20 && (c < 0x7F || c >= 0xA0) && !(c >= 0x300 && c < 0x370) &&
         !(c >= 0x200B && c < 0x2010) && !(c >= 0x2028 && c < 0x2030) && c != 0xFEFF;
}

}  // namespace

std::string show_character(char32_t character) {
  char code[16];
  std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(character));
  return is_printable(character) ? "\"" + to_utf8(character) + "\" (" + code + ")" : code;
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
                         std::to_string(size()) + " characters of the network's vocabulary");
    }
    tokens.push_back(*found);
  }
  return tokens;
}

const std::string& Vocabulary::decode(std::int32_t token) const {
  return characters_.at(static_cast<std::size_t>(token));
}

}  // namespace ridgeline::data
