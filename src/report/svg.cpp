#include "report/svg.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <pugixml.hpp>
#include <sstream>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "report/canvas.hpp"

namespace ridgeline::report {
namespace {

// "12.30" is "12.3", "12.0" is "12".
std::string brief(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

// Appends a number of a path: "-.4" for -4 tenths. A minus sign separates it from the one before.
void append_tenths(long tenths, std::string& path) {
  const bool follows =
      !path.empty() && (std::isdigit(static_cast<unsigned char>(path.back())) != 0);
  if (tenths < 0) {
    path += '-';
  } else if (follows) {
    path += ' ';
  }
  const long positive = std::abs(tenths);
  if (positive >= 10 || positive == 0) path += std::to_string(positive / 10);
  if (positive % 10 != 0) path += fmt::format(".{}", positive % 10);
}

std::vector<double> values_of(const char* text) {
  std::vector<double> numbers;
  char* end = nullptr;
  for (double value = std::strtod(text, &end); end != text; value = std::strtod(text, &end)) {
    numbers.push_back(value);
    text = *end == ',' ? end + 1 : end;
  }
  return numbers;
}

// Rewrites one drawing.
class Rewriter {
 public:
  Rewriter(pugi::xml_node from, pugi::xml_node to, Purpose purpose)
      : to_(to), purpose_(purpose), height_(values_of(from.attribute("viewBox").value()).at(3)) {}

  void rewrite(pugi::xml_node node) {
    for (const pugi::xml_node child : node) {
      const std::string name = child.name();
      if (name == "polyline") {
        polyline(child);
      } else if (name == "text") {
        texts_.push_back(child);
      } else if (name == "g") {
        rewrite(child);
      }
    }
  }

  void write_texts() {
    finish_path();
    for (const pugi::xml_node text : texts_) write_text(text);
  }

 private:
  void polyline(pugi::xml_node line) {
    const bool is_area = line.attribute("fill").value() != std::string("none");
    const std::string colour = line.attribute(is_area ? "fill" : "stroke").value();
    const std::string width = brief(line.attribute("stroke-width").as_double());
    const std::string look = (is_area ? "f" : "s") + colour + (is_area ? "" : width);
    if (look != look_) {
      finish_path();
      look_ = look;
      path_ = to_.append_child("path");
      set_colour(path_, is_area ? "fill" : "stroke", colour);
      if (!is_area) path_.append_attribute("stroke-width") = width.c_str();
      path_.append_attribute("d");
      at_ = {0, 0};
    }
    std::string& path = data_;
    const std::vector<double> numbers = values_of(line.attribute("points").value());
    std::array<long, 2> first{};
    std::size_t count = numbers.size() / 2;
    // PLplot closes an area by its first corner.
    if (is_area && count > 1 && numbers[0] == numbers[2 * count - 2] &&
        numbers[1] == numbers[2 * count - 1]) {
      --count;
    }
    bool begun = false;  // the relative lines
    for (std::size_t i = 0; i < count; ++i) {
      const std::array<long, 2> to = {std::lround(10 * numbers[2 * i]),
                                      std::lround(10 * (height_ - numbers[2 * i + 1]))};
      if (i == 0) first = to;
      if (i > 0 && to == at_) continue;
      if (i == 0) {
        path += path.empty() ? "M" : "m";
      } else if (!begun) {
        path += "l";
        begun = true;
      }
      append_tenths(to[0] - at_[0], path);
      append_tenths(to[1] - at_[1], path);
      at_ = to;
    }
    if (is_area) {
      path += 'z';
      at_ = first;
    }
  }

  // A path's data are set once, since it may have thousands of parts.
  void finish_path() {
    if (path_) path_.attribute("d") = data_.c_str();
    data_.clear();
  }

  void write_text(pugi::xml_node text) {
    // The matrix a b c d e f, inside one that flips the y axis.
    std::string transform = text.attribute("transform").value();
    const std::size_t bracket = transform.find('(');
    const std::vector<double> matrix =
        values_of(transform.c_str() + (bracket == std::string::npos ? 0 : bracket + 1));
    if (matrix.size() != 6) throw RunError("PLplot's SVG has an unknown form");
    const std::string x = brief(matrix[4]), y = brief(height_ - matrix[5]);
    pugi::xml_node copy = to_.append_child("text");
    copy.append_attribute("x") = x.c_str();
    copy.append_attribute("y") =
        brief(height_ - matrix[5] + text.attribute("y").as_double()).c_str();
    if (std::abs(matrix[1]) > 0.5) {
      copy.append_attribute("transform") = fmt::format("rotate(-90 {} {})", x, y).c_str();
    }
    const std::string anchor = text.attribute("text-anchor").value();
    if (anchor != "start") copy.append_attribute("text-anchor") = anchor.c_str();
    copy.append_attribute("font-size") = text.attribute("font-size").value();
    set_colour(copy, "fill", text.attribute("fill").value());
    std::string content;
    for (const pugi::xpath_node part : text.select_nodes(".//text()")) {
      content += part.node().value();
    }
    copy.text() = content.c_str();
  }

  void set_colour(pugi::xml_node node, const char* attribute, const std::string& colour) const {
    std::string name = "ground", shown = colour;
    int style = 0;
    for (int i = 0; i < kColours * kLineStyles; ++i) {
      const auto each = static_cast<Colour>(i / kLineStyles);
      if (svg_colour(each, i % kLineStyles) != colour) continue;
      style = i % kLineStyles;
      name = attribute[0] + std::to_string(i / kLineStyles);
      shown = svg_colour(each, 0);
    }
    if (purpose_ == Purpose::file) {
      node.append_attribute(attribute) = shown.c_str();
      if (attribute == std::string("stroke")) node.append_attribute("fill") = "none";
    } else {
      node.append_attribute("class") = name.c_str();
    }
    if (style > 0) node.append_attribute("stroke-dasharray") = dashes_of(style).c_str();
  }

  pugi::xml_node to_, path_;
  Purpose purpose_;
  double height_;
  std::string look_, data_;   // of the path that is being written
  std::array<long, 2> at_{};  // the current point of the path, in tenths of a pixel
  std::vector<pugi::xml_node> texts_;
};

}  // namespace

std::string short_svg(const std::string& plplot, const std::string& title, Purpose purpose) {
  pugi::xml_document from;
  // Spaces at the ends of texts, and texts of spaces, are kept.
  const unsigned options = pugi::parse_default | pugi::parse_ws_pcdata;
  const pugi::xml_node old_svg = from.load_buffer(plplot.data(), plplot.size(), options)
                                     ? from.child("svg")
                                     : pugi::xml_node();
  const std::vector<double> box = values_of(old_svg.attribute("viewBox").value());
  if (box.size() != 4) throw RunError("PLplot wrote no SVG");

  pugi::xml_document to;
  pugi::xml_node svg = to.append_child("svg");
  if (purpose == Purpose::file) {
    svg.append_attribute("xmlns") = "http://www.w3.org/2000/svg";
    svg.append_attribute("data-generator") = "ridgeline";  // kFigureMark
    svg.append_attribute("font-family") = "DejaVu Sans, Verdana, sans-serif";
    svg.append_attribute("width") = brief(box[2]).c_str();
    svg.append_attribute("height") = brief(box[3]).c_str();
  }
  svg.append_attribute("viewBox") = fmt::format("0 0 {} {}", brief(box[2]), brief(box[3])).c_str();
  svg.append_attribute("role") = "img";
  svg.append_attribute("stroke-linejoin") = "round";
  if (purpose == Purpose::file) {
    svg.append_child("title").text() = printable(title).c_str();
    pugi::xml_node ground = svg.append_child("rect");
    ground.append_attribute("width") = "100%";
    ground.append_attribute("height") = "100%";
    ground.append_attribute("fill") = "#FFFFFF";
  } else {
    svg.append_attribute("aria-label") = printable(title).c_str();
  }
  Rewriter rewriter(old_svg, svg, purpose);
  rewriter.rewrite(old_svg);
  rewriter.write_texts();
  std::ostringstream text;
  to.save(text, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return text.str();
}

}  // namespace ridgeline::report
