#include "report/text_layout.hpp"

#include <cstring>

namespace ridgeline::report {

double text_width(const std::string& text, double size) {
  double width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) continue;  // not the first byte
    if (std::strchr("iljft.,:;'|!()[]/ -", c) != nullptr) {
      width += 0.36;
    } else if (std::strchr("mwMW%@", c) != nullptr) {
      width += 0.92;
    } else {
      width += c >= 'A' && c <= 'Z' ? 0.70 : 0.61;
    }
  }
  return width * size;
}

std::vector<std::string> lines_of(const std::string& text, double size, double width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const std::string longer = line.empty() ? word : line + " " + word;
    if (!line.empty() && text_width(longer, size) > width) {
      lines.push_back(line);
      line = word;
    } else {
      line = longer;
    }
    begin = end + 1;
  }
  if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string shortened(const std::string& text, double size, double width) {
  if (text_width(text, size) <= width) return text;
  std::string result = text;
  while (!result.empty() && text_width(result + "…", size) > width) {
    // A whole character of UTF-8.
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0U) == 0x80U) {
      result.pop_back();
    }
    if (!result.empty()) result.pop_back();
  }
  return result + "…";
}

}  // namespace ridgeline::report
