#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "io/table.hpp"

namespace ridgeline::report {

/// How an axis maps values to positions, and where its ticks are.
enum class Scale {
  linear,
  log10,  ///< ticks at powers of ten
  log2,   ///< ticks at powers of two
};

/// How the values of an axis are written at its ticks.
enum class Ticks {
  plain,    ///< 0.1, 20, 3000
  bytes,    ///< 64 KiB
  seconds,  ///< 10 µs
  ratio,    ///< 1/4, 8
};

struct Axis {
  std::string label;  ///< with the unit: "bandwidth (GB/s)"
  Scale scale = Scale::linear;
  Ticks ticks = Ticks::plain;
  std::vector<std::string> categories = {};  ///< names of the positions 0, 1, …, instead of ticks
  std::optional<double> from = {}, to = {};  ///< limits; otherwise those of what is drawn
};

/// Colours that the colour-blind can distinguish (Okabe and Ito), in a light and a dark version.
enum class Colour { ink, grey, grid, blue, orange, green, red, purple, sky, yellow };
inline constexpr int kColours = 10;

enum class Line { none, solid, dashed, dotted, dash_dotted };
enum class Marker { none, circle, square, diamond, triangle, cross };

/// Row of the picture's table that a point belongs to; kNoRow: none.
inline constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();

struct Point {
  double x = 0, y = 0;
  std::size_t row = kNoRow;
  double area = 1;  ///< of its marker, relative to others
  /// Ends of an interval of y; NaN: none.
  double low = std::nan(""), high = std::nan("");
};

/// Points, and lines between them. Points that an axis cannot show (not finite, or not above 0 on
/// a logarithmic one) are left out.
struct Curve {
  std::string name;  ///< in the legend; empty: not listed
  Colour colour = Colour::blue;
  Line line = Line::solid;
  Marker marker = Marker::none;
  bool hollow = false;  ///< the marker
  double width = 1.5;   ///< of the line, in pixels
  std::vector<Point> points = {};
};

/// Bars from 0 (from the lower limit of a logarithmic axis).
struct Bars {
  std::string name;
  Colour colour = Colour::blue;
  double thickness = 0.8;          ///< in units of the axis of categories
  double offset = 0;               ///< from the positions, in the same unit
  std::vector<Point> points = {};  ///< x: the position, y: the length
};

/// Text at a point. `dx` and `dy` are pixels to the right and up.
struct Label {
  double x = 0, y = 0;
  std::string text;
  Colour colour = Colour::ink;
  double align = 0;  ///< 0: begins there, 0.5: is centred, 1: ends there
  double dx = 0, dy = 0;
};

/// One pair of axes with what is drawn there.
struct Panel {
  std::string title = "";
  Axis x = {}, y = {};
  std::vector<Curve> curves = {};
  std::vector<Bars> bars = {};
  std::vector<Label> labels = {};
  /// Bars are horizontal: their categories are those of `y`, the first at the top.
  bool horizontal = false;
};

/// A picture and its table, which holds every value that it shows.
struct Picture {
  std::string name;         ///< of its files and its anchor: "roofline-fashion_mlp-train"
  std::string title;        ///< what it shows
  std::string source = "";  ///< machine and date, in a line
  std::vector<Panel> panels = {};
  std::size_t columns = 1;    ///< panels beside each other, where there is room
  double panel_height = 300;  ///< pixels
  bool folded = false;        ///< on a page, until the reader opens it
  io::Table table{};
};

}  // namespace ridgeline::report
