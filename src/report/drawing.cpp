#include "report/drawing.hpp"

#include <algorithm>
#include <cmath>

#include "report/canvas.hpp"
#include "report/marker.hpp"
#include "report/panel_drawing.hpp"
#include "report/svg.hpp"
#include "report/text_layout.hpp"

namespace ridgeline::report {
namespace {

// Pixels.
constexpr double kTitleFont = 16;
constexpr double kLeastPanelWidth = 230;
constexpr double kSwatch = 26;  // a legend's sample

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
  std::size_t titles = 0;
  for (std::size_t i = 0; i < picture.panels.size(); ++i) {
    if (i % layout.columns == 0) {  // a row begins
      titles = 0;
      for (std::size_t k = i; k < std::min(i + layout.columns, picture.panels.size()); ++k) {
        titles = std::max(titles, title_lines(picture.panels[k], panel_width));
      }
    }
    const double left = panel_width * static_cast<double>(i % layout.columns);
    const double upper = top - picture.panel_height * static_cast<double>(i / layout.columns);
    draw_panel(canvas, picture.panels[i], {left, upper - picture.panel_height},
               {left + panel_width, upper}, titles, hover);
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
