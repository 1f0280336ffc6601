#include "report/text_layout.hpp"

#include <cstring>

namespace ridgeline::report {
namespace {

// Width of a character in units of the font's size; 0 for a byte that continues one.
double width_of(char c) {
  if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) return 0;
  if (std::strchr("iljft.,:;'|!()[]/ -", c) != nullptr) return 0.36;
  if (std::strchr("mwMW%@", c) != nullptr) return 0.92;
  return c >= 'A' && c <= 'Z' ? 0.70 : 0.61;
}

}  // namespace

double text_width(const std::string& text, double size) {
  double width = 0;
  for (const char c : text) width += width_of(c);
  return width * size;
}

std::vector<std::string> lines_of(const std::string& text, double size, double width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = shortened(text.substr(begin, end - begin), size, width);
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
  const double most = width / size - width_of('m');  // with "…"
  double sum = 0;
  std::size_t end = 0;
  while (end < text.size() && sum + width_of(text[end]) <= most) sum += width_of(text[end++]);
  // A whole character.
  while (end > 0 && end < text.size() && width_of(text[end]) == 0) --end;
  return text.substr(0, end) + "…";
}

}  // namespace ridgeline::report
