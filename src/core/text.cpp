#include "core/text.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>

namespace ridgeline {
namespace {

constexpr char32_t kLast = 0x10FFFF;

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_control(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool separator = c == 0x2028 || c == 0x2029;
  const bool direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return control || separator || direction;
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

std::size_t line_of(std::string_view text, std::size_t at) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(at, text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

bool has_control_character(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\0') return true;
    const auto character = next_character(text, at);
    if (character && is_control(*character)) return true;
    if (!character) ++at;
  }
  return false;
}

std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 2000, kKept = 900;
  if (text.size() <= kMost) return text;
  return text.substr(0, kKept) + " [" + std::to_string(text.size() - 2 * kKept) + " bytes more] " +
         text.substr(text.size() - kKept);
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\0') {
      ++at;
    } else if (!next_character(text, at)) {
      return false;
    }
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const auto character = next_character(text, at);
    if (!character) ++at;
    if (character && !is_control(*character)) {
      shown.append(text.substr(begin, at - begin));
      continue;
    }
    for (std::size_t i = begin; i < at; ++i) {
      char byte[8];
      std::snprintf(byte, sizeof byte, "\\x%02x", byte_at(text, i));
      shown += byte;
    }
  }
  return shown;
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    // Optimal string alignment distance, with three rows of the table in memory.
    std::vector<std::size_t> row(candidate.size() + 1), before(row.size()), two_before;
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      two_before = std::exchange(before, row);
      row[0] = i;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const bool equal = word[i - 1] == candidate[j - 1];
        row[j] = std::min({before[j] + 1, row[j - 1] + 1, before[j - 1] + (equal ? 0 : 1)});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1]) {
          row[j] = std::min(row[j], two_before[j - 2] + 1);
        }
      }
    }
    if (row.back() < best_distance && row.back() < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = row.back();
    }
  }
  return best;
}

std::string shell_quoted(const std::string& text) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace ridgeline
