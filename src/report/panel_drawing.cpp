#include "report/panel_drawing.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "report/axis.hpp"
#include "report/label_places.hpp"
#include "report/marker.hpp"
#include "report/text_layout.hpp"

namespace ridgeline::report {
namespace {

// Pixels.
constexpr double kWidestName = 190;
constexpr double kFar = 24;  // from a label to its point

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
  }
}

// Returns the axis of the lengths of bars: it begins at 0, unless one is negative.
Axis axis_of_lengths(Axis axis, const std::vector<double>& lengths) {
  const bool negative =
      std::any_of(lengths.begin(), lengths.end(), [](double length) { return length < 0; });
  if (axis.scale == Scale::linear && !axis.from && !negative) axis.from = 0;
  return axis;
}

// One panel in its rectangle.
class PanelDrawing {
 public:
  PanelDrawing(Canvas& canvas, const Panel& panel, Place low, Place high, std::size_t titles,
               std::vector<HoverPoint>& hover)
      : canvas_(canvas), panel_(panel), hover_(hover) {
    std::vector<double> xs, ys;
    collect(panel, xs, ys);
    const bool bars = !panel.bars.empty();
    x_.emplace(bars && panel.horizontal ? axis_of_lengths(panel.x, xs) : panel.x, xs);
    y_.emplace(bars && !panel.horizontal ? axis_of_lengths(panel.y, ys) : panel.y, ys);
    lay_out(low, high, titles);
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
  void lay_out(Place low, Place high, std::size_t titles) {
    high_ = {high.x - kEdge, high.y - 6};
    // The uppermost tick's label is half above the axis.
    if (titles > 0) high_.y -= static_cast<double>(titles) * (kLineHeight - 2) + kSmallFont / 2;
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
    places_.emplace(Place{low_.x + 2, low_.y + 2}, Place{high.x - 2, high_.y});
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
    for (std::size_t i = 1; curve.line != Line::none && i < places.size(); ++i) {
      places_->avoid_line(places[i - 1], places[i]);
    }
    std::size_t next = 0;
    for (const Point& point : curve.points) {
      if (!x_->shows(point.x) || !y_->shows(point.y)) continue;
      const Place at = places[next++];
      if (y_->shows(point.low) && y_->shows(point.high)) {
        const Place low{at.x, along(point.low)}, high{at.x, along(point.high)};
        canvas_.line({low, high}, curve.colour, Line::solid, 1);
        places_->avoid_line(low, high);
      }
      if (curve.marker != Marker::none) {
        const double radius = kMarkerRadius * std::sqrt(point.area);
        places_->avoid_box({at.x - radius, at.y - radius}, {at.x + radius, at.y + radius});
      }
      draw_marker(canvas_, curve.marker, at, curve.colour, curve.hollow, point.area);
      remember(point, at.x, at.y);
    }
  }

  // Labels may be on bars.
  void fill_bar(Place low, Place high, Colour colour) {
    canvas_.fill({low, {low.x, high.y}, high, {high.x, low.y}}, colour);
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
        fill_bar({from, along(end)}, {to, along(begin)}, bars.colour);
        if (lengths.shows(point.low) && lengths.shows(point.high)) {
          canvas_.line({{across(point.low), along(middle)}, {across(point.high), along(middle)}},
                       Colour::ink, Line::solid, 1);
        }
        remember(point, to, along(middle));
      } else {
        const double from = along(base), to = along(point.y);
        fill_bar({across(begin), from}, {across(end), to}, bars.colour);
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
    const Place point{across(label.x), along(label.y)};
    if (point.x < panel_low_.x || point.x > panel_high_.x || point.y < low_.y - 2 ||
        point.y > panel_high_.y) {
      return;
    }
    const double width = text_width(label.text, kSmallFont), height = kSmallFont + 2;
    const Place at = places_->place(
        {point.x + label.dx - label.align * width, point.y + label.dy - height / 2}, width, height);
    // A line leads to the point of a label that had to go far.
    const Place nearest{std::clamp(point.x, at.x, at.x + width),
                        std::clamp(point.y, at.y, at.y + height)};
    const double distance = std::hypot(nearest.x - point.x, nearest.y - point.y);
    if (distance > kFar) {
      const double end = kMarkerRadius / distance;
      canvas_.line(
          {nearest, {point.x + end * (nearest.x - point.x), point.y + end * (nearest.y - point.y)}},
          Colour::grey, Line::solid, 0.8);
    }
    // The width is an estimate: the text's end that is towards the point is at its place.
    const double align = point.x < at.x + width / 2 ? 0 : 1;
    canvas_.text({at.x + align * width, at.y + height / 2}, label.text, label.colour, align,
                 kSmallFont);
  }

  Canvas& canvas_;
  const Panel& panel_;
  std::vector<HoverPoint>& hover_;
  std::optional<AxisRange> x_, y_;
  std::vector<Tick> x_ticks_, y_ticks_;
  std::optional<LabelPlaces> places_;
  Place low_, high_;              // of the axes
  Place panel_low_, panel_high_;  // with labels
};

}  // namespace

std::size_t title_lines(const Panel& panel, double width) {
  constexpr std::size_t kMost = 3;
  if (panel.title.empty()) return 0;
  return std::min(kMost, lines_of(panel.title, kFont, width - kEdge).size());
}

void draw_panel(Canvas& canvas, const Panel& panel, Place low, Place high, std::size_t titles,
                std::vector<HoverPoint>& hover) {
  PanelDrawing(canvas, panel, low, high, titles, hover).draw();
}

}  // namespace ridgeline::report
