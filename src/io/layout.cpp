#include "io/layout.hpp"

#include <algorithm>

namespace ridgeline::io {
namespace {

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// Returns the byte offset of a character, by its index.
std::size_t byte_of(const std::string& text, std::size_t character) {
  std::size_t at = 0;
  while (at < text.size() && (character > 0 || !begins_character(text[at]))) {
    if (begins_character(text[at])) --character;
    ++at;
  }
  return at;
}

std::string wrapped_line(const std::string& line, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t used = 0, begin = 0;
  while (begin <= line.size()) {
    std::size_t end = std::min(line.find(' ', begin), line.size());
    // Does not break between a number and its percent sign.
    if (line.compare(end, 2, " %") == 0) end = std::min(line.find(' ', end + 1), line.size());
    const std::string word = line.substr(begin, end - begin);
    if (begin > 0) {
      // An empty word results from consecutive spaces.
      if (!word.empty() && used + 1 + display_width(word) > width) {
        result.erase(result.find_last_not_of(' ') + 1);
        result += "\n" + std::string(indent, ' ');
        used = indent;
      } else {
        result += ' ';
        ++used;
      }
    }
    result += word;
    used += display_width(word);
    begin = end + 1;
  }
  return result;
}

}  // namespace

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result += wrapped_line(text.substr(begin, end - begin), width, indent);
    if (end < text.size()) result += '\n';
    begin = end + 1;
  }
  return result;
}

std::string abbreviated(const std::string& text, std::size_t width) {
  const std::size_t whole = display_width(text);
  width = std::max<std::size_t>(width, 1);
  if (whole <= width) return text;
  const std::size_t tail = (width - 1) / 2, head = width - 1 - tail;
  return text.substr(0, byte_of(text, head)) + "…" + text.substr(byte_of(text, whole - tail));
}

}  // namespace ridgeline::io
