#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "io/units.hpp"
#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

const char* const kHugePages = "huge";

// One space with one page size.
struct MeasuredCurve {
  std::string space, pages;
  std::vector<Point> points;  // nanoseconds against bytes
};

std::vector<MeasuredCurve> measured_curves(const io::Json& study, io::Table& table) {
  std::vector<MeasuredCurve> curves;
  const auto groups = grouped(study.at("points"), [](const io::Json& point) {
    return std::pair(point.at("space").get<std::string>(), point.at("pages").get<std::string>());
  });
  for (const auto& [key, points] : groups) {
    MeasuredCurve curve{key.first, key.second, {}};
    for (const io::Json* point : points) {
      const double bytes = point->at("working_set_bytes"), seconds = point->at("seconds").at("min");
      const std::size_t row =
          add_row(table, {key.first, key.second, bytes_cell(bytes), seconds_cell(seconds),
                          seconds_cell(number_of(point->at("seconds"), "median"))});
      // Many points are close together, so that their markers are small.
      curve.points.push_back({bytes, 1e9 * seconds, row, 0.35});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

const MeasuredCurve* find(const std::vector<MeasuredCurve>& curves, const std::string& space,
                          bool huge) {
  const auto found = std::find_if(curves.begin(), curves.end(), [&](const MeasuredCurve& curve) {
    return curve.space == space && (curve.pages == kHugePages) == huge;
  });
  return found == curves.end() ? nullptr : &*found;
}

void set_latency_ranges(const std::vector<MeasuredCurve>& curves, Panel& panel) {
  Range bytes, nanoseconds;
  for (const MeasuredCurve& curve : curves) {
    for (const Point& point : curve.points) {
      bytes.add(point.x);
      nanoseconds.add(point.y);
    }
  }
  set_limits(panel.x, bytes, 1.2, 1.2);
  // Labels are below the first level and above the last.
  set_limits(panel.y, nanoseconds, 2, 1.8);
}

// Adds lines at the capacities of the host's caches.
void mark_caches(const io::Json& study, Panel& panel) {
  if (!panel.x.from || !panel.x.to || !panel.y.from || !panel.y.to) return;
  bool marked = false;
  for (const io::Json& cache : part_of(study.at("machine"), "caches")) {
    const double bytes = cache.at("bytes");
    if (!(bytes > *panel.x.from && bytes < *panel.x.to)) continue;
    Curve line = plain_curve(Colour::grey, Line::dotted);
    line.width = 1;
    if (!marked) line.name = "caches as the system reports them";
    line.points = {{bytes, *panel.y.from}, {bytes, *panel.y.to}};
    panel.curves.push_back(std::move(line));
    panel.labels.push_back({bytes, *panel.y.from, fmt::format("L{:g}", number_of(cache, "level")),
                            Colour::grey, 0, 4, 9});
    marked = true;
  }
}

// Adds hatching between the curves on small and on huge pages.
void show_tlb(const MeasuredCurve& small, const MeasuredCurve& huge, Panel& panel) {
  std::map<double, double> on_huge;
  for (const Point& point : huge.points) on_huge[point.x] = point.y;
  Curve hatching = plain_curve(Colour::sky, Line::none);
  for (const Point& point : small.points) {
    const auto found = on_huge.find(point.x);
    if (found == on_huge.end()) continue;
    hatching.points.push_back(
        {point.x, found->second, kNoRow, 1, found->second, std::max(point.y, found->second)});
  }
  panel.curves.push_back(std::move(hatching));
  Bars entry;
  entry.name = fmt::format("{}: added by the TLB on {} pages", small.space, small.pages);
  entry.colour = Colour::sky;
  panel.bars.push_back(std::move(entry));
}

// Adds the levels of one space, with labels below them if another curve may be above.
void show_levels(const io::Json& levels, const std::string& space, double largest, bool below,
                 Panel& panel) {
  for (const io::Json& level : levels) {
    const double capacity = estimate_of(level, "capacity_bytes").value;
    const double begin = level.at("from_bytes");
    const double end = std::isfinite(capacity) ? capacity : largest;
    const double seconds = estimate_of(level, "seconds_per_load").value;
    // The curve still rises in a level without a value.
    if (!std::isfinite(seconds)) continue;
    panel.curves.push_back(level_segment(begin, end, 1e9 * seconds));
    // The curve rises towards a level, so that there is room below its begin and above its end.
    panel.labels.push_back(
        {below ? begin : end, 1e9 * seconds,
         io::show_seconds(seconds) +
             (std::isfinite(capacity) ? " to " + machine::readable_bytes(capacity) : " beyond"),
         colour_of_space(space), below ? 0.0 : 1.0, below ? 3.0 : -3.0, below ? -12.0 : 11.0});
  }
}

// Returns the levels that are drawn: on huge pages if there are any, since on small ones the reach
// of the TLB looks like a level.
const io::Json& drawn_levels(const io::Json& levels) {
  const io::Json& on_huge = part_of(levels, kHugePages);
  return on_huge.is_null() && levels.is_object() && !levels.empty() ? *levels.begin() : on_huge;
}

void show_space(const std::string& space, const std::vector<MeasuredCurve>& curves,
                const io::Json& fit, Panel& panel) {
  const MeasuredCurve* const small = find(curves, space, false);
  const MeasuredCurve* const huge = find(curves, space, true);
  if (small != nullptr && huge != nullptr) show_tlb(*small, *huge, panel);
  double largest = 0;
  for (const MeasuredCurve* curve : {small, huge}) {
    if (curve == nullptr) continue;
    for (const Point& point : curve->points) largest = std::max(largest, point.x);
  }
  show_levels(drawn_levels(part_of(part_of(fit, space), "levels")), space, largest,
              small != nullptr && huge != nullptr, panel);
  for (const MeasuredCurve* curve : {huge, small}) {
    if (curve == nullptr) continue;
    Curve drawn = legend_entry(fmt::format("{}, {} pages", space, curve->pages),
                               colour_of_space(space), curve == huge ? Line::solid : Line::dashed,
                               marker_of_space(space), curve == small);
    drawn.points = curve->points;
    sort_by_x(drawn);
    panel.curves.push_back(std::move(drawn));
  }
}

io::Table table_of_latencies(const io::Json& fit) {
  io::Table table({{"space", "space", io::Align::left},
                   {"pages", "pages", io::Align::left},
                   {"level", "level"},
                   {"from", "from_bytes"},
                   {"to", "capacity_bytes"},
                   {"cache", "system_says", io::Align::left},
                   {"time per load", "seconds_per_load"},
                   {"added by the TLB", "tlb_seconds_per_load"}});
  for (const auto& [space, of_space] : fit.items()) {
    const io::Json& by_pages = part_of(of_space, "levels");
    for (const auto& [pages, levels] : by_pages.items()) {
      int number = 0;
      for (const io::Json& level : levels) {
        table.add_row(
            {space, pages, ++number, bytes_cell(level.at("from_bytes")),
             estimate_cell(estimate_of(level, "capacity_bytes"), machine::readable_bytes),
             text_of(level, "system_says"),
             estimate_cell(estimate_of(level, "seconds_per_load"), io::show_seconds),
             estimate_cell(estimate_of(level, "tlb_seconds_per_load"), io::show_seconds)});
      }
    }
  }
  return table;
}

}  // namespace

void add_latency(const ResultFile& file, Block& block) {
  Picture picture =
      study_picture(file, "", "Latency of a dependent load as a function of the working set");
  picture.panel_height = 400;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"pages", "pages", io::Align::left},
                             {"working set", "working_set_bytes"},
                             {"time per load (minimum)", "seconds_per_load"},
                             {"median", "median_seconds_per_load"}});
  const std::vector<MeasuredCurve> curves = measured_curves(file.json, picture.table);
  const io::Json& fit = file.json.at("fit");
  if (!curves.empty()) {
    Panel panel;
    panel.x = bytes_axis("working set (bytes)");
    panel.y = {"time per load (ns)", Scale::log10};
    set_latency_ranges(curves, panel);
    std::vector<std::string> shown;
    for (const MeasuredCurve& curve : curves) {
      if (std::find(shown.begin(), shown.end(), curve.space) != shown.end()) continue;
      shown.push_back(curve.space);
      show_space(curve.space, curves, fit, panel);
    }
    if (std::find(shown.begin(), shown.end(), "host") != shown.end()) {
      mark_caches(file.json, panel);
    }
    picture.panels.push_back(std::move(panel));
    block.pictures.push_back(std::move(picture));
  }
  if (!fit.empty()) block.tables.push_back({"Levels found", table_of_latencies(fit)});
}

}  // namespace ridgeline::report
