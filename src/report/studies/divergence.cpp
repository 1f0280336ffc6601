#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/seconds.hpp"
#include "io/units.hpp"
#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

struct ArrangementStyle {
  const char* name;
  Marker marker;
};
constexpr ArrangementStyle kArrangements[] = {
    {"sorted", Marker::circle}, {"alternating", Marker::square}, {"random", Marker::triangle}};
constexpr const char* kAccesses[] = {"regular", "gathered", "dependent"};

std::vector<std::string> spaces_of(const io::Json& points) {
  std::vector<std::string> spaces;
  for (const auto& [space, unused] : grouped(
           points, [](const io::Json& point) { return point.at("space").get<std::string>(); })) {
    spaces.push_back(space);
  }
  return spaces;
}

Line line_of_space(const std::string& space) {
  return space == "serial" ? Line::dotted : space == "openmp" ? Line::dashed : Line::solid;
}

// Returns a point's distance from its category, so that points of several spaces do not coincide.
double offset_of(std::size_t i, std::size_t count, double step) {
  return step * (static_cast<double>(i) - (static_cast<double>(count) - 1) / 2);
}

// Returns the numbers of paths with their positions on the axis, of which 0 has no choice.
std::map<double, double> positions_of(const io::Json& points) {
  std::map<double, double> positions;
  for (const io::Json& point : points) {
    if (point.at("what") == "paths") positions[point.at("paths")] = 0;
  }
  double position = 0;
  for (auto& [paths, at] : positions) at = ++position;
  return positions;
}

// Adds the curves of one space in all arrangements.
void show_paths(const io::Json& points, const std::string& space, double offset,
                const std::map<double, double>& positions, io::Table& table, Panel& panel) {
  for (const ArrangementStyle& style : kArrangements) {
    Curve curve = legend_entry(fmt::format("{}, {}", space, style.name), colour_of_space(space),
                               line_of_space(space), style.marker, true);
    const double aside = offset + offset_of(static_cast<std::size_t>(&style - kArrangements),
                                            std::size(kArrangements), 0.035);
    for (const io::Json& point : points) {
      if (point.at("what") != "paths" || point.at("space") != space ||
          point.at("arrangement") != style.name) {
        continue;
      }
      const double paths = point.at("paths"), ratio = point.at("times_one_path");
      const std::size_t row =
          add_row(table, {space, style.name, count_cell(paths),
                          estimate_cell(median_of_timing(point.at("seconds")), io::show_seconds),
                          number_cell(ratio), number_cell(number_of(point, "gflops_per_second"))});
      curve.points.push_back({positions.at(paths) + aside, ratio, row});
    }
    sort_by_x(curve);
    if (!curve.points.empty()) panel.curves.push_back(std::move(curve));
  }
}

// Adds the kernel without a choice, relative to one path that is chosen.
void show_no_choice(const io::Json& points, const std::string& space, double offset,
                    io::Table& table, Panel& panel) {
  std::vector<double> one_path;
  for (const io::Json& point : points) {
    if (point.at("space") == space && point.at("what") == "paths" && point.at("paths") == 1) {
      one_path.push_back(point.at("seconds").at("median"));
    }
  }
  for (const io::Json& point : points) {
    if (point.at("space") != space || point.at("what") != "no choice" || one_path.empty()) continue;
    const EstimateOf seconds = median_of_timing(point.at("seconds"));
    const double ratio = seconds.value / median_of(one_path);
    const std::size_t row =
        add_row(table, {space, "no choice", io::Cell(), estimate_cell(seconds, io::show_seconds),
                        number_cell(ratio), number_cell(number_of(point, "gflops_per_second"))});
    Curve marker = plain_curve(colour_of_space(space), Line::none, Marker::diamond);
    marker.points.push_back({offset, ratio, row, 1.6});
    panel.curves.push_back(std::move(marker));
  }
}

// Adds what the ratios are compared with: all paths cost as one, and as all one after another.
void show_bounds(const std::map<double, double>& positions, Panel& panel) {
  Curve one = plain_curve(Colour::grey, Line::solid);
  one.width = 1;
  one.points = {{-0.6, 1}, {static_cast<double>(positions.size()) + 0.6, 1}};
  Curve all = legend_entry("all paths one after another", Colour::grey, Line::dash_dotted);
  all.width = 1;
  for (const auto& [paths, position] : positions) all.points.push_back({position, paths});
  panel.curves.push_back(std::move(one));
  panel.curves.push_back(std::move(all));
}

Picture path_picture(const ResultFile& file) {
  Picture picture = study_picture(file, "paths", "Time of the same FLOPs in several paths");
  picture.panel_height = 360;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"arrangement", "arrangement", io::Align::left},
                             {"paths", "paths"},
                             {"time", "median_seconds"},
                             {"times one path's", "times_one_path"},
                             {"GFLOP/s", "gflops_per_second"}});
  const io::Json& points = file.json.at("points");
  const std::map<double, double> positions = positions_of(points);
  if (positions.empty()) return picture;
  Panel panel;
  panel.x.label = "different paths (none: no branch)";
  panel.x.categories = {"none"};
  for (const auto& [paths, position] : positions) {
    panel.x.categories.push_back(fmt::format("{:g}", paths));
  }
  panel.y = {"time / time of one path", Scale::log2, Ticks::ratio};
  show_bounds(positions, panel);
  const std::vector<std::string> spaces = spaces_of(points);
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    const double offset = offset_of(i, spaces.size(), 0.12);
    show_paths(points, spaces[i], offset, positions, picture.table, panel);
    show_no_choice(points, spaces[i], offset, picture.table, panel);
  }
  panel.curves.push_back(
      legend_entry("no choice, in the space's colour", Colour::grey, Line::none, Marker::diamond));
  picture.panels.push_back(std::move(panel));
  return picture;
}

// Adds the bars of one space.
void show_accesses(const io::Json& points, const std::string& space, double thickness,
                   double offset, io::Table& table, Panel& panel) {
  Bars bars;
  bars.name = space;
  bars.colour = colour_of_space(space);
  bars.thickness = 0.9 * thickness;
  bars.offset = offset;
  for (const io::Json& point : points) {
    if (point.at("what") != "access" || point.at("space") != space) continue;
    const std::string access = point.at("access");
    const auto* const found = std::find(std::begin(kAccesses), std::end(kAccesses), access);
    if (found == std::end(kAccesses)) continue;
    const double nanoseconds = 1e9 * point.at("seconds_per_read").get<double>();
    const std::size_t row = add_row(
        table, {space, access, bytes_cell(number_of(point, "array_bytes")),
                seconds_cell(1e-9 * nanoseconds), number_cell(number_of(point, "times_regular")),
                estimate_cell(median_of_timing(point.at("seconds")), io::show_seconds)});
    const auto position = static_cast<double>(found - std::begin(kAccesses));
    bars.points.push_back({position, nanoseconds, row});
    // More digits are wider than a bar.
    const int digits = nanoseconds < 0.1 ? 1 : nanoseconds < 10 ? 2 : 3;
    panel.labels.push_back({position + offset, nanoseconds,
                            fmt::format("{:.{}g}", nanoseconds, digits), Colour::ink, 0.5, 0, 9});
  }
  if (!bars.points.empty()) panel.bars.push_back(std::move(bars));
}

Picture access_picture(const ResultFile& file) {
  const io::Json& points = file.json.at("points");
  std::string sizes;
  Range nanoseconds;
  for (const io::Json& point : points) {
    if (point.at("what") != "access") continue;
    nanoseconds.add(1e9 * point.at("seconds_per_read").get<double>());
    const std::string size = machine::readable_bytes(point.at("array_bytes"));
    if (sizes.find(size) == std::string::npos) sizes += (sizes.empty() ? "" : ", ") + size;
  }
  Picture picture = study_picture(file, "access", "Time of a read of an array of " + sizes);
  picture.panel_height = 340;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"access", "access", io::Align::left},
                             {"array", "array_bytes"},
                             {"time per read", "seconds_per_read"},
                             {"times regular", "times_regular"},
                             {"time of all reads", "median_seconds"}});
  Panel panel;
  panel.x.label = "access";
  panel.x.categories.assign(std::begin(kAccesses), std::end(kAccesses));
  panel.y = {"time per read, all threads together (ns)", Scale::log10};
  set_limits(panel.y, nanoseconds, 2, 2);
  const std::vector<std::string> spaces = spaces_of(points);
  const double thickness = 0.8 / std::max(1.0, static_cast<double>(spaces.size()));
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    show_accesses(points, spaces[i], thickness, offset_of(i, spaces.size(), thickness),
                  picture.table, panel);
  }
  if (!panel.bars.empty()) picture.panels.push_back(std::move(panel));
  return picture;
}

io::Table table_of_shares(const io::Json& fit) {
  io::Table table({{"space", "space", io::Align::left},
                   {"arrangement", "arrangement", io::Align::left},
                   {"s: share of a path's time that each other path adds", "waiting_share"}});
  for (const auto& [space, of_space] : fit.items()) {
    for (const auto& [arrangement, each] : of_space.items()) {
      if (part_of(each, "waiting_share").is_null()) continue;
      table.add_row({space, arrangement,
                     estimate_cell(estimate_of(each, "waiting_share"),
                                   [](double share) { return fmt::format("{:.3f}", share); })});
    }
  }
  return table;
}

}  // namespace

void add_divergence(const ResultFile& file, Block& block) {
  for (Picture& picture : std::vector<Picture>{path_picture(file), access_picture(file)}) {
    if (!picture.panels.empty()) block.pictures.push_back(std::move(picture));
  }
  io::Table shares = table_of_shares(file.json.at("fit"));
  if (!shares.empty())
    block.tables.push_back({"Fit of T = T(1) (1 + s (P - 1))", std::move(shares)});
}

}  // namespace ridgeline::report
