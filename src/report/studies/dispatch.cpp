#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/units.hpp"
#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

constexpr int kCostPoints = 60;

// T = a + V/b; a value is NaN if it was not reached.
struct Cost {
  double a = std::nan(""), b = std::nan(""), half = std::nan("");
  double up_to = std::nan("");  // bytes that the fit spans

  explicit Cost(const io::Json& fit) {
    if (fit.is_null()) return;
    a = estimate_of(fit, "a_seconds").value;
    b = estimate_of(fit, "b_bytes_per_second").value;
    half = estimate_of(fit, "half_rate_bytes").value;
    up_to = number_of(fit, "fitted_up_to_bytes");
  }
  bool is_known() const { return std::isfinite(a + b); }
  std::string text() const { return io::show_seconds(a) + " + V / " + show_rate(b); }
  double at(double bytes) const { return a + bytes / b; }
};

// Returns the points of one kind by space.
auto by_space(const io::Json& points, const std::string& what) {
  auto groups = grouped(points, [](const io::Json& point) {
    return std::pair(point.at("space").get<std::string>(), point.at("what").get<std::string>());
  });
  groups.erase(std::remove_if(groups.begin(), groups.end(),
                              [&](const auto& group) { return group.first.second != what; }),
               groups.end());
  return groups;
}

bool is_transfer(const std::string& what) { return what.find("_to_") != std::string::npos; }

// Adds a + V/b from the first size to the last.
void show_cost(const Cost& cost, double first, double last, Colour colour, Line line,
               Panel& panel) {
  Curve curve = plain_curve(colour, line);
  for (int i = 0; i < kCostPoints; ++i) {
    const double bytes = first * std::pow(last / first, i / (kCostPoints - 1.0));
    curve.points.push_back({bytes, cost.at(bytes)});
  }
  panel.curves.push_back(std::move(curve));
}

Point point_at(double x, const EstimateOf& seconds, std::size_t row) {
  return {x, seconds.value, row, 0.6, seconds.low, seconds.high};
}

// Adds kernels of growing size, back to back and each with a fence.
void show_growth(const std::string& space, const std::vector<const io::Json*>& points,
                 const Cost& cost, io::Table& table, Panel& panel) {
  const Colour colour = colour_of_space(space);
  std::string name = space;
  const bool fitted = cost.is_known() && std::isfinite(cost.half);
  if (fitted) {
    name += fmt::format(": {}, half at {}", cost.text(), machine::readable_bytes(cost.half));
  }
  Curve measured = legend_entry(name, colour, Line::none, marker_of_space(space));
  Curve fenced = plain_curve(colour, Line::dotted);
  for (const io::Json* point : points) {
    const double bytes = point->at("bytes");
    const EstimateOf seconds = median_of_timing(point->at("seconds"));
    const EstimateOf with_fence = median_of_timing(part_of(*point, "seconds_fenced"));
    const std::size_t row = add_row(
        table,
        {space, "one kernel", bytes_cell(bytes), 1, estimate_cell(seconds, io::show_seconds),
         estimate_cell(with_fence, io::show_seconds),
         cost.is_known() && bytes <= cost.up_to ? seconds_cell(cost.at(bytes)) : io::Cell()});
    measured.points.push_back(point_at(bytes, seconds, row));
    fenced.points.push_back({bytes, with_fence.value, row});
  }
  sort_by_x(measured);
  sort_by_x(fenced);
  const double first = measured.points.front().x;
  panel.curves.push_back(std::move(fenced));
  panel.curves.push_back(std::move(measured));
  if (!fitted) return;
  show_cost(cost, first, cost.up_to, colour, Line::solid, panel);
  Curve half = plain_curve(colour, Line::none, Marker::diamond, true);
  half.points.push_back({cost.half, 2 * cost.a, kNoRow, 3});
  panel.curves.push_back(std::move(half));
}

// Adds one size in 1, 2, 4 … kernels, and returns the size.
std::string show_broken_up(const std::string& space, const std::vector<const io::Json*>& points,
                           io::Table& table, Panel& panel) {
  const Colour colour = colour_of_space(space);
  Curve measured = plain_curve(colour, Line::none, marker_of_space(space));
  Curve predicted = plain_curve(colour, Line::solid);
  std::string size;
  for (const io::Json* point : points) {
    const double kernels = point->at("kernels"), bytes = point->at("bytes");
    const EstimateOf seconds = median_of_timing(point->at("seconds"));
    const double expected = number_of(*point, "predicted_seconds");
    const std::size_t row = add_row(
        table, {space, "broken up", bytes_cell(bytes), count_cell(kernels),
                estimate_cell(seconds, io::show_seconds), io::Cell(), seconds_cell(expected)});
    measured.points.push_back(point_at(kernels, seconds, row));
    measured.points.back().area = 1;
    predicted.points.push_back({kernels, expected});
    size = machine::readable_bytes(bytes);
  }
  sort_by_x(measured);
  sort_by_x(predicted);
  panel.curves.push_back(std::move(predicted));
  panel.curves.push_back(std::move(measured));
  return size;
}

Picture kernel_picture(const ResultFile& file) {
  Picture picture = study_picture(
      file, "kernels", "Time of a kernel as a function of its size, and cost of breaking it up");
  picture.columns = 2;
  picture.panel_height = 360;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"what", "what", io::Align::left},
                             {"bytes V", "bytes"},
                             {"kernels k", "kernels"},
                             {"time", "median_seconds"},
                             {"with a fence each", "median_seconds_fenced"},
                             {"k·a + V/b", "predicted_seconds"}});
  const io::Json& points = file.json.at("points");
  const io::Json& fit = file.json.at("fit");
  Panel growth;
  growth.title = "One kernel of growing size, back to back";
  growth.x = bytes_axis("bytes V that a kernel moves");
  growth.y = {"time per kernel", Scale::log10, Ticks::seconds};
  for (const auto& [key, of_space] : by_space(points, "kernel")) {
    const io::Json& fits = part_of(fit, key.first);
    show_growth(key.first, of_space, Cost(part_of(fits, "kernels back to back")), picture.table,
                growth);
  }
  if (!growth.curves.empty()) {
    growth.curves.push_back(
        legend_entry("half of the rate", Colour::grey, Line::none, Marker::diamond, true));
    growth.curves.push_back(legend_entry("fitted a + V/b", Colour::grey, Line::solid));
    growth.curves.push_back(legend_entry("each kernel with a fence", Colour::grey, Line::dotted));
    picture.panels.push_back(std::move(growth));
  }
  Panel broken_up;
  broken_up.title = "One size, broken up into k kernels";
  broken_up.x = {"kernels k", Scale::log2};
  broken_up.y = {"time of all k kernels", Scale::log10, Ticks::seconds};
  bool first = true;
  for (const auto& [key, of_space] : by_space(points, "broken up")) {
    const std::string size = show_broken_up(key.first, of_space, picture.table, broken_up);
    broken_up.title += fmt::format("{} {} {}", first ? ":" : ",", key.first, size);
    first = false;
  }
  if (!broken_up.curves.empty()) {
    broken_up.curves.push_back(legend_entry("broken up: k·a + V/b", Colour::grey, Line::solid));
    picture.panels.push_back(std::move(broken_up));
  }
  return picture;
}

Picture measured_transfers(const ResultFile& file) {
  Picture picture =
      study_picture(file, "transfers", "Time of a transfer as a function of its size");
  picture.panel_height = 340;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"transfer", "what", io::Align::left},
                             {"bytes V", "bytes"},
                             {"time", "median_seconds"},
                             {"a + V/b", "fitted_seconds"}});
  Panel panel;
  panel.x = bytes_axis("bytes V transferred");
  panel.y = {"time per transfer", Scale::log10, Ticks::seconds};
  constexpr Colour kCurveColours[] = {Colour::blue, Colour::red, Colour::purple, Colour::orange};
  constexpr Marker kMarkers[] = {Marker::circle, Marker::square, Marker::diamond, Marker::triangle};
  constexpr Line kLines[] = {Line::solid, Line::dashed, Line::dash_dotted, Line::dotted};
  std::size_t number = 0;
  for (const auto& [key, points] : grouped(file.json.at("points"), [](const io::Json& point) {
         return std::pair(point.at("space").get<std::string>(),
                          point.at("what").get<std::string>());
       })) {
    const auto& [space, what] = key;
    if (!is_transfer(what)) continue;
    const std::size_t style = number++ % std::size(kCurveColours);
    const Cost cost(part_of(part_of(file.json.at("fit"), space), what));
    std::string name = what;
    std::replace(name.begin(), name.end(), '_', ' ');
    Curve curve;
    curve.colour = kCurveColours[style];
    curve.line = Line::none;
    curve.marker = kMarkers[style];
    for (const io::Json* point : points) {
      const double bytes = point->at("bytes");
      const EstimateOf seconds = median_of_timing(point->at("seconds"));
      const std::size_t row = add_row(
          picture.table, {space, name, bytes_cell(bytes), estimate_cell(seconds, io::show_seconds),
                          seconds_cell(cost.at(bytes))});
      curve.points.push_back(point_at(bytes, seconds, row));
      curve.points.back().area = 0.8;
    }
    sort_by_x(curve);
    curve.name = name;
    if (cost.is_known()) {
      curve.name += ": " + cost.text();
      show_cost(cost, curve.points.front().x, curve.points.back().x, kCurveColours[style],
                kLines[style], panel);
    }
    panel.curves.push_back(std::move(curve));
  }
  if (!panel.curves.empty()) picture.panels.push_back(std::move(panel));
  return picture;
}

io::Table table_of_costs(const io::Json& fit) {
  io::Table table({{"space", "space", io::Align::left},
                   {"what", "what", io::Align::left},
                   {"a", "a_seconds"},
                   {"rate b", "b_bytes_per_second"},
                   {"half of the rate at", "half_rate_bytes"},
                   {"measured", "half_rate_measured_bytes"},
                   {"fitted up to", "fitted_up_to_bytes"}});
  for (const auto& [space, of_space] : fit.items()) {
    for (const auto& [what, each] : of_space.items()) {
      table.add_row({space, what, estimate_cell(estimate_of(each, "a_seconds"), io::show_seconds),
                     estimate_cell(estimate_of(each, "b_bytes_per_second"), show_rate),
                     estimate_cell(estimate_of(each, "half_rate_bytes"), machine::readable_bytes),
                     bytes_cell(number_of(each, "half_rate_measured_bytes")),
                     bytes_cell(number_of(each, "fitted_up_to_bytes"))});
    }
  }
  return table;
}

// Returns the times of single calls: an empty kernel, a reduction, a barrier.
io::Table table_of_calls(const io::Json& points) {
  io::Table table({{"space", "space", io::Align::left},
                   {"call", "what", io::Align::left},
                   {"time", "median_seconds"},
                   {"minimum", "minimum_seconds"}});
  for (const io::Json& point : points) {
    const std::string what = point.at("what");
    if (what == "kernel" || what == "broken up" || is_transfer(what)) continue;
    table.add_row({point.at("space").get<std::string>(), what,
                   estimate_cell(median_of_timing(point.at("seconds")), io::show_seconds),
                   seconds_cell(number_of(point.at("seconds"), "min"))});
  }
  return table;
}

}  // namespace

void add_dispatch(const ResultFile& file, Block& block) {
  for (Picture& picture : std::vector<Picture>{kernel_picture(file), measured_transfers(file)}) {
    if (!picture.panels.empty()) block.pictures.push_back(std::move(picture));
  }
  if (const io::Json& fit = file.json.at("fit"); !fit.empty()) {
    block.tables.push_back({"Fit of T = a + V/b", table_of_costs(fit)});
  }
  io::Table calls = table_of_calls(file.json.at("points"));
  if (!calls.empty()) block.tables.push_back({"Times of single calls", std::move(calls)});
}

}  // namespace ridgeline::report
