#include "report/drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "report/axis.hpp"
#include "report/canvas.hpp"
#include "report/svg.hpp"
#include "report/text_layout.hpp"

namespace ridgeline::report {
namespace {

// Pixels.
constexpr double kFont = 13, kSmallFont = 12, kTitleFont = 16;
constexpr double kLineHeight = 19;
constexpr double kEdge = 8;
constexpr double kLeastPanelWidth = 230;
constexpr double kMarkerRadius = 3.4;
constexpr double kSwatch = 26;  // a legend's sample
constexpr double kWidestName = 190;

struct LegendEntry {
  std::string name;
  Colour colour = Colour::ink;
  Line line = Line::none;
  Marker marker = Marker::none;
  bool hollow = false, is_bar = false;
  double width = 1.5;
};

std::vector<LegendEntry> legend_of(const Picture& picture) {
  std::vector<LegendEntry> entries;
  const auto add = [&](LegendEntry entry) {
    const bool known = std::any_of(entries.begin(), entries.end(),
                                   [&](const auto& each) { return each.name == entry.name; });
    if (!entry.name.empty() && !known) entries.push_back(std::move(entry));
  };
  for (const Panel& panel : picture.panels) {
    for (const Bars& bars : panel.bars) {
      add({bars.name, bars.colour, Line::none, Marker::none, false, true, 0});
    }
    for (const Curve& curve : panel.curves) {
      add({curve.name, curve.colour, curve.line, curve.marker, curve.hollow, false, curve.width});
    }
  }
  return entries;
}

std::vector<Place> corners_of(Marker marker, Place at, double radius) {
  std::vector<Place> corners;
  const auto add = [&](double angle, double length) {
    corners.push_back({at.x + length * std::cos(angle), at.y + length * std::sin(angle)});
  };
  constexpr double kPi = 3.14159265358979323846;
  switch (marker) {
    case Marker::none:
      break;
    case Marker::circle:
      for (int i = 0; i < 16; ++i) add(kPi * i / 8, radius);
      break;
    case Marker::square:
      for (int i = 0; i < 4; ++i) add(kPi * (2 * i + 1) / 4, 1.25 * radius);
      break;
    case Marker::diamond:
      for (int i = 0; i < 4; ++i) add(kPi * i / 2, 1.35 * radius);
      break;
    case Marker::triangle:
      for (int i = 0; i < 3; ++i) add(kPi * (4 * i + 3) / 6, 1.4 * radius);
      break;
    case Marker::cross: {
      const double thin = 0.35 * radius, far = 1.2 * radius;
      for (const auto& [x, y] :
           {std::pair(thin, far), std::pair(thin, thin), std::pair(far, thin),
            std::pair(far, -thin), std::pair(thin, -thin), std::pair(thin, -far),
            std::pair(-thin, -far), std::pair(-thin, -thin), std::pair(-far, -thin),
            std::pair(-far, thin), std::pair(-thin, thin), std::pair(-thin, far)}) {
        corners.push_back({at.x + (x + y) * 0.7071, at.y + (y - x) * 0.7071});
      }
      break;
    }
  }
  return corners;
}

void draw_marker(Canvas& canvas, Marker marker, Place at, Colour colour, bool hollow,
                 double area = 1) {
  if (marker == Marker::none) return;
  std::vector<Place> corners = corners_of(marker, at, kMarkerRadius * std::sqrt(area));
  if (!hollow) return canvas.fill(corners, colour);
  canvas.erase(corners);
  corners.push_back(corners.front());
  canvas.line(corners, colour, Line::solid, 1.2);
}

// Height of a legend, and its entries' places if there is a canvas.
double draw_legend(Canvas* canvas, const std::vector<LegendEntry>& entries, double width,
                   double top) {
  if (entries.empty()) return 0;
  double x = kEdge, y = top - kLineHeight / 2;
  for (const LegendEntry& entry : entries) {
    const std::string name =
        shortened(entry.name, kSmallFont, width - 2 * kEdge - kSwatch - 2 * kEdge);
    const double needed = kSwatch + 6 + text_width(name, kSmallFont) + 14;
    if (x > kEdge && x + needed > width) {
      x = kEdge;
      y -= kLineHeight;
    }
    if (canvas != nullptr) {
      const Place middle{x + kSwatch / 2, y};
      if (entry.is_bar) {
        canvas->fill(
            {{x + 4, y - 5}, {x + kSwatch - 4, y - 5}, {x + kSwatch - 4, y + 5}, {x + 4, y + 5}},
            entry.colour);
      }
      canvas->line({{x, y}, {x + kSwatch, y}}, entry.colour, entry.line, entry.width);
      draw_marker(*canvas, entry.marker, middle, entry.colour, entry.hollow);
      canvas->text({x + kSwatch + 6, y}, name, Colour::ink, 0, kSmallFont);
    }
    x += needed;
  }
  return top - (y - kLineHeight / 2);
}

// The values that the axes of a panel span.
void collect(const Panel& panel, std::vector<double>& xs, std::vector<double>& ys) {
  for (const Curve& curve : panel.curves) {
    for (const Point& point : curve.points) {
      xs.push_back(point.x);
      for (const double y : {point.y, point.low, point.high}) ys.push_back(y);
    }
  }
  for (const Bars& bars : panel.bars) {
    std::vector<double>& lengths = panel.horizontal ? xs : ys;
    for (const Point& point : bars.points) {
      for (const double length : {point.y, point.low, point.high}) lengths.push_back(length);
    }
    const Axis& axis = panel.horizontal ? panel.x : panel.y;
    if (axis.scale == Scale::linear && !axis.from) lengths.push_back(0);
  }
}

// One panel in its rectangle.
class PanelDrawing {
 public:
  // `title_lines` are those of the longest title beside it.
  PanelDrawing(Canvas& canvas, const Panel& panel, Place low, Place high, std::size_t title_lines,
               std::vector<HoverPoint>& hover)
      : canvas_(canvas), panel_(panel), hover_(hover) {
    std::vector<double> xs, ys;
    collect(panel, xs, ys);
    x_.emplace(panel.x, xs);
    y_.emplace(panel.y, ys);
    lay_out(low, high, title_lines);
  }

  static std::size_t title_lines(const Panel& panel, double width) {
    constexpr std::size_t kMost = 3;
    if (panel.title.empty()) return 0;
    return std::min(kMost, lines_of(panel.title, kFont, width - kEdge).size());
  }

  void draw() {
    draw_axes();
    canvas_.clip(low_, high_);
    for (const Bars& bars : panel_.bars) draw(bars);
    for (const Curve& curve : panel_.curves) draw(curve);
    canvas_.clip_to_all();
    for (const Label& label : panel_.labels) draw(label);
    canvas_.line({{low_.x, high_.y}, low_, {high_.x, low_.y}}, Colour::grey, Line::solid, 1);
  }

 private:
  // Reserves space for labels around the axes.
  void lay_out(Place low, Place high, std::size_t title_lines) {
    high_ = {high.x - kEdge, high.y - 6};
    high_.y -= static_cast<double>(title_lines) * (kLineHeight - 2);
    low_.y = low.y + 6 + kLineHeight + (panel_.x.label.empty() ? 0 : kLineHeight);
    low_.x = low.x + kEdge + (panel_.y.label.empty() ? 0 : kLineHeight);
    y_ticks_ = y_->ticks(most_ticks(high_.y - low_.y, 34));
    double widest = 0;
    for (Tick& tick : y_ticks_) {
      tick.text = shortened(tick.text, kSmallFont, kWidestName);
      widest = std::max(widest, text_width(tick.text, kSmallFont));
    }
    low_.x += widest + 6;
    x_ticks_ = x_->ticks(most_ticks(high_.x - low_.x, panel_.x.ticks == Ticks::plain ? 46 : 54));
    panel_low_ = low;
    panel_high_ = high;
  }

  static std::size_t most_ticks(double length, double each) {
    return static_cast<std::size_t>(std::max(2.0, length / each));
  }

  double across(double x) const { return low_.x + x_->position(x) * (high_.x - low_.x); }
  double along(double y) const {
    const double position = y_->position(y);
    // The first category is at the top.
    return low_.y + (panel_.horizontal ? 1 - position : position) * (high_.y - low_.y);
  }

  void draw_axes() {
    double y = panel_high_.y - 6 - (kLineHeight - 2) / 2;
    std::size_t lines = title_lines(panel_, panel_high_.x - panel_low_.x);
    for (const std::string& line :
         lines_of(panel_.title, kFont, panel_high_.x - panel_low_.x - kEdge)) {
      if (lines-- == 0) break;
      canvas_.text({panel_low_.x + kEdge, y}, line, Colour::ink, 0, kFont);
      y -= kLineHeight - 2;
    }
    const double name_width =
        (high_.x - low_.x) / static_cast<double>(std::max<std::size_t>(1, x_ticks_.size()));
    double last_end = -1e9;
    for (const Tick& tick : x_ticks_) {
      const double x = across(tick.value);
      if (panel_.x.categories.empty()) {
        canvas_.line({{x, low_.y}, {x, high_.y}}, Colour::grid, Line::solid, 1);
      }
      const std::string text = panel_.x.categories.empty()
                                   ? tick.text
                                   : shortened(tick.text, kSmallFont, name_width - 4);
      const double half = text_width(text, kSmallFont) / 2;
      if (x - half < last_end + 4) continue;
      // The last label must not leave the picture.
      const double middle = std::min(x, panel_high_.x - half - 4);
      canvas_.text({middle, low_.y - kLineHeight / 2 - 2}, text, Colour::ink, 0.5, kSmallFont);
      last_end = middle + half;
    }
    for (const Tick& tick : y_ticks_) {
      const double at = along(tick.value);
      if (panel_.y.categories.empty()) {
        canvas_.line({{low_.x, at}, {high_.x, at}}, Colour::grid, Line::solid, 1);
      }
      canvas_.text({low_.x - 6, at}, tick.text, Colour::ink, 1, kSmallFont);
    }
    canvas_.text({(low_.x + high_.x) / 2, panel_low_.y + kLineHeight / 2},
                 shortened(panel_.x.label, kFont, panel_high_.x - panel_low_.x - kEdge),
                 Colour::ink, 0.5, kFont);
    canvas_.text({panel_low_.x + kEdge + kLineHeight / 2 - 4, (low_.y + high_.y) / 2},
                 shortened(panel_.y.label, kFont, high_.y - panel_low_.y - 4), Colour::ink, 0.5,
                 kFont, true);
  }

  void remember(const Point& point, double x, double y) {
    if (point.row != kNoRow && x >= low_.x - 1 && x <= high_.x + 1 && y >= low_.y - 1 &&
        y <= high_.y + 1) {
      hover_.push_back({x, y, point.row});
    }
  }

  void draw(const Curve& curve) {
    std::vector<Place> places;
    for (const Point& point : curve.points) {
      if (!x_->shows(point.x) || !y_->shows(point.y)) continue;
      places.push_back({across(point.x), along(point.y)});
    }
    canvas_.line(places, curve.colour, curve.line, curve.width);
    std::size_t next = 0;
    for (const Point& point : curve.points) {
      if (!x_->shows(point.x) || !y_->shows(point.y)) continue;
      const Place at = places[next++];
      if (y_->shows(point.low) && y_->shows(point.high)) {
        canvas_.line({{at.x, along(point.low)}, {at.x, along(point.high)}}, curve.colour,
                     Line::solid, 1);
      }
      draw_marker(canvas_, curve.marker, at, curve.colour, curve.hollow, point.area);
      remember(point, at.x, at.y);
    }
  }

  void draw(const Bars& bars) {
    const AxisRange& lengths = panel_.horizontal ? *x_ : *y_;
    const double base = (panel_.horizontal ? panel_.x : panel_.y).scale == Scale::linear
                            ? std::max(0.0, lengths.lower())
                            : lengths.lower();
    for (const Point& point : bars.points) {
      if (!lengths.shows(point.y)) continue;
      const double begin = point.x + bars.offset - bars.thickness / 2;
      const double end = begin + bars.thickness;
      const double middle = point.x + bars.offset;
      if (panel_.horizontal) {
        const double from = across(base), to = across(point.y);
        canvas_.fill(
            {{from, along(begin)}, {to, along(begin)}, {to, along(end)}, {from, along(end)}},
            bars.colour);
        if (lengths.shows(point.low) && lengths.shows(point.high)) {
          canvas_.line({{across(point.low), along(middle)}, {across(point.high), along(middle)}},
                       Colour::ink, Line::solid, 1);
        }
        remember(point, to, along(middle));
      } else {
        const double from = along(base), to = along(point.y);
        canvas_.fill(
            {{across(begin), from}, {across(begin), to}, {across(end), to}, {across(end), from}},
            bars.colour);
        if (lengths.shows(point.low) && lengths.shows(point.high)) {
          canvas_.line({{across(middle), along(point.low)}, {across(middle), along(point.high)}},
                       Colour::ink, Line::solid, 1);
        }
        remember(point, across(middle), to);
      }
    }
  }

  void draw(const Label& label) {
    if (!x_->shows(label.x) || !y_->shows(label.y)) return;
    Place at{across(label.x) + label.dx, along(label.y) + label.dy};
    if (at.x < panel_low_.x || at.x > panel_high_.x || at.y < low_.y - 2 || at.y > panel_high_.y) {
      return;
    }
    // A label that would leave the panel is aligned to its side, and one that would cover another
    // is moved up or down.
    const double width = text_width(label.text, kSmallFont);
    at.x = std::clamp(at.x - label.align * width, low_.x + 2,
                      std::max(low_.x + 2, panel_high_.x - width));
    const double wanted = at.y;
    for (int step = 1; covers_another(at, width) && step < 8; ++step) {
      at.y = wanted + (step % 2 == 0 ? -1 : 1) * (step + 1) / 2 * (kSmallFont + 3);
    }
    taken_.push_back({at, width});
    canvas_.text(at, label.text, label.colour, 0, kSmallFont);
  }

  bool covers_another(Place at, double width) const {
    return std::any_of(taken_.begin(), taken_.end(), [&](const auto& other) {
      return at.x < other.first.x + other.second + 4 && other.first.x < at.x + width + 4 &&
             std::abs(at.y - other.first.y) < kSmallFont + 2;
    });
  }

  Canvas& canvas_;
  const Panel& panel_;
  std::vector<HoverPoint>& hover_;
  std::optional<AxisRange> x_, y_;
  std::vector<Tick> x_ticks_, y_ticks_;
  std::vector<std::pair<Place, double>> taken_;  // beginnings and widths of labels
  Place low_, high_;                             // of the axes
  Place panel_low_, panel_high_;                 // with labels
};

// The heights of a picture's parts, at a width.
struct Layout {
  std::vector<std::string> title, source;
  std::vector<LegendEntry> legend;
  double head = 0, legend_height = 0, height = 0;
  std::size_t columns = 1, rows = 1;

  Layout(const Picture& picture, double width, bool titled) {
    if (titled) {
      title = lines_of(picture.title, kTitleFont, width - 2 * kEdge);
      source = lines_of(picture.source, kSmallFont, width - 2 * kEdge);
      head = 10 + static_cast<double>(title.size()) * (kLineHeight + 4) +
             static_cast<double>(source.size()) * kLineHeight;
    }
    legend = legend_of(picture);
    legend_height = draw_legend(nullptr, legend, width, 0);
    const std::size_t panels = std::max<std::size_t>(1, picture.panels.size());
    const auto fitting = static_cast<std::size_t>(width / kLeastPanelWidth);
    columns = std::clamp<std::size_t>(fitting, 1, std::max<std::size_t>(1, picture.columns));
    columns = std::min(columns, panels);
    rows = (panels + columns - 1) / columns;
    height = head + legend_height + static_cast<double>(rows) * picture.panel_height;
  }
};

std::string draw(Device device, const Picture& picture, double width, bool titled, double scale,
                 double& height, std::vector<HoverPoint>& hover) {
  const Layout layout(picture, width, titled);
  height = layout.height;
  Canvas canvas(device, width, height, scale);
  double top = height;
  if (titled) {
    top -= 6;
    for (const std::string& line : layout.title) {
      canvas.text({kEdge, top - kLineHeight / 2 - 2}, line, Colour::ink, 0, kTitleFont);
      top -= kLineHeight + 4;
    }
    for (const std::string& line : layout.source) {
      canvas.text({kEdge, top - kLineHeight / 2}, line, Colour::grey, 0, kSmallFont);
      top -= kLineHeight;
    }
    top = height - layout.head;
  }
  draw_legend(&canvas, layout.legend, width, top);
  top -= layout.legend_height;
  const double panel_width = width / static_cast<double>(layout.columns);
  std::size_t title_lines = 0;
  for (std::size_t i = 0; i < picture.panels.size(); ++i) {
    if (i % layout.columns == 0) {  // a row begins
      title_lines = 0;
      for (std::size_t k = i; k < std::min(i + layout.columns, picture.panels.size()); ++k) {
        title_lines =
            std::max(title_lines, PanelDrawing::title_lines(picture.panels[k], panel_width));
      }
    }
    const double left = panel_width * static_cast<double>(i % layout.columns);
    const double upper = top - picture.panel_height * static_cast<double>(i / layout.columns);
    PanelDrawing(canvas, picture.panels[i], {left, upper - picture.panel_height},
                 {left + panel_width, upper}, title_lines, hover)
        .draw();
  }
  for (HoverPoint& point : hover) point.y = height - point.y;
  return canvas.finish();
}

}  // namespace

Drawing draw_svg(const Picture& picture, double width, Purpose purpose) {
  Drawing drawing;
  drawing.width = width;
  const bool titled = purpose == Purpose::file;
  const std::string svg =
      draw(Device::svg, picture, width, titled, 1, drawing.height, drawing.points);
  drawing.svg = short_svg(svg, picture.title, purpose);
  return drawing;
}

std::string draw_png(const Picture& picture, double width, double scale) {
  constexpr double kMostPixels = 32000;  // Cairo's images have fewer than 32768 each way
  double height = Layout(picture, width, true).height;
  scale = std::min(scale, kMostPixels / std::max(width, height));
  std::vector<HoverPoint> hover;
  return draw(Device::png, picture, width, true, scale, height, hover);
}

}  // namespace ridgeline::report
