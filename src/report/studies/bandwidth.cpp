#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

const char* const kHuge = "huge";

// Adds the entries of the legend: spaces with their threads, page sizes.
void add_thread_legend(const std::vector<ThreadStyle>& styles, const io::Json& points,
                       Panel& panel) {
  for (const ThreadStyle& style : styles) {
    panel.curves.push_back(
        legend_entry(style.name(), style.colour, Line::solid, style.marker, style.hollow));
  }
  const auto by_pages =
      grouped(points, [](const io::Json& point) { return point.at("pages").get<std::string>(); });
  for (const auto& [pages, unused] : by_pages) {
    panel.curves.push_back(
        legend_entry(pages + " pages", Colour::grey, pages == kHuge ? Line::solid : Line::dashed));
  }
}

// Adds the curves of one kernel.
void show_kernel(const io::Json& study, const std::string& kernel,
                 const std::vector<ThreadStyle>& styles, io::Table& table, Panel& panel) {
  const auto groups = grouped(study.at("points"), [](const io::Json& point) {
    return std::tuple(point.at("kernel").get<std::string>(), point.at("space").get<std::string>(),
                      threads_of(point), point.at("pages").get<std::string>());
  });
  for (const auto& [key, points] : groups) {
    const auto& [of_kernel, space, threads, pages] = key;
    const ThreadStyle* const style = find_style(styles, space, threads);
    if (of_kernel != kernel || style == nullptr) continue;
    const bool huge = pages == kHuge;
    Curve curve = plain_curve(style->colour, huge ? Line::solid : Line::dashed,
                              huge ? style->marker : Marker::none, style->hollow);
    curve.width = huge ? 1.5 : 1;
    for (const io::Json* point : points) {
      const double bytes = point->at("working_set_bytes");
      const double rate = point->at("gbytes_per_second");
      const std::size_t row =
          add_row(table, {kernel, space, count_cell(point->at("threads")), pages, bytes_cell(bytes),
                          number_cell(rate), seconds_cell(number_of(point->at("seconds"), "min"))});
      curve.points.push_back({bytes, rate, row, 0.4});
    }
    sort_by_x(curve);
    panel.curves.push_back(std::move(curve));
  }
}

// Returns the levels of one space and number of threads; those on huge pages if there are any.
const io::Json* levels_of(const io::Json& fit, const ThreadStyle& style) {
  const io::Json* found = nullptr;
  for (const io::Json& entry : part_of(fit, "levels")) {
    if (entry.at("space") != style.space || threads_of(entry) != style.threads) continue;
    if (found == nullptr || entry.at("pages") == kHuge) found = &entry.at("levels");
  }
  return found;
}

// Adds the levels of the triad. Levels that are close together have one label.
void show_levels(const io::Json& study, const std::vector<ThreadStyle>& styles, Panel& panel) {
  std::vector<double> labelled;
  for (const ThreadStyle& style : styles) {
    const io::Json* const levels = levels_of(study.at("fit"), style);
    if (levels == nullptr) continue;
    double largest = 0;
    for (const io::Json& point : study.at("points")) {
      if (point.at("space") != style.space) continue;
      largest = std::max(largest, point.at("working_set_bytes").get<double>());
    }
    for (const io::Json& level : *levels) {
      const double capacity = estimate_of(level, "capacity_bytes").value;
      const double rate = estimate_of(level, "triad_gbytes_per_second").value;
      // The curve still falls in a level without a value.
      if (!std::isfinite(rate)) continue;
      const double end = std::isfinite(capacity) ? capacity : largest;
      panel.curves.push_back(level_segment(level.at("from_bytes"), end, rate));
      if (std::any_of(labelled.begin(), labelled.end(),
                      [&](double other) { return std::abs(std::log(rate / other)) < 0.12; })) {
        continue;
      }
      // A curve falls where a level ends, so that there is room above its end.
      panel.labels.push_back({end, rate, show_number(rate), style.colour, 0.5, 0, 11});
      labelled.push_back(rate);
    }
  }
}

void set_bandwidth_ranges(const io::Json& points, Panel& panel) {
  Range bytes, rates;
  for (const io::Json& point : points) {
    const std::string kernel = point.at("kernel");
    if (kernel != "triad" && kernel != "read") continue;
    bytes.add(point.at("working_set_bytes"));
    rates.add(point.at("gbytes_per_second"));
  }
  set_limits(panel.x, bytes, 1.3, 1.5);
  set_limits(panel.y, rates, 1.2, 1.5);
}

io::Table table_of_bandwidths(const io::Json& fit) {
  io::Table table({{"space", "space", io::Align::left},
                   {"threads", "threads"},
                   {"pages", "pages", io::Align::left},
                   {"level", "level"},
                   {"from", "from_bytes"},
                   {"to", "capacity_bytes"},
                   {"triad GB/s", "triad_gbytes_per_second"},
                   {"best GB/s: read", "read_gbytes_per_second"},
                   {"write", "write_gbytes_per_second"},
                   {"copy", "copy_gbytes_per_second"},
                   {"scale", "scale_gbytes_per_second"},
                   {"triad", "best_triad_gbytes_per_second"},
                   {"time on small pages", "seconds_small_pages_over_huge"}});
  for (const io::Json& entry : part_of(fit, "levels")) {
    int number = 0;
    for (const io::Json& level : entry.at("levels")) {
      std::vector<io::Cell> cells = {
          entry.at("space").get<std::string>(),
          count_cell(entry.at("threads")),
          entry.at("pages").get<std::string>(),
          ++number,
          bytes_cell(level.at("from_bytes")),
          estimate_cell(estimate_of(level, "capacity_bytes"), machine::readable_bytes),
          estimate_cell(estimate_of(level, "triad_gbytes_per_second"), show_number)};
      for (const char* kernel : {"read", "write", "copy", "scale", "triad"}) {
        cells.push_back(number_cell(number_of(part_of(level, "best_gbytes_per_second"), kernel)));
      }
      const double ratio = number_of(level, "seconds_small_pages_over_huge");
      if (std::isfinite(ratio)) cells.emplace_back(ratio, "{:.2f} times");
      table.add_row(std::move(cells));
    }
  }
  return table;
}

io::Table table_of_saturation(const io::Json& saturation) {
  io::Table table({{"space", "space", io::Align::left},
                   {"threads that saturate memory", "triad_in_memory_threads"}});
  for (const io::Json& entry : saturation) {
    table.add_row({entry.at("space").get<std::string>(),
                   estimate_cell(estimate_of(entry, "triad_in_memory_threads"), show_number)});
  }
  return table;
}

}  // namespace

void add_bandwidth(const ResultFile& file, Block& block) {
  Picture picture =
      study_picture(file, "", "Bandwidth of streaming kernels as a function of the working set");
  picture.columns = 2;
  picture.panel_height = 360;
  picture.table = io::Table({{"kernel", "kernel", io::Align::left},
                             {"space", "space", io::Align::left},
                             {"threads", "threads"},
                             {"pages", "pages", io::Align::left},
                             {"working set", "working_set_bytes"},
                             {"GB/s", "gbytes_per_second"},
                             {"time (minimum)", "seconds"}});
  const io::Json& points = file.json.at("points");
  const io::Json& fit = file.json.at("fit");
  const std::vector<ThreadStyle> styles = thread_styles(points);
  for (const char* kernel : {"triad", "read"}) {
    Panel panel;
    panel.title = kernel;
    panel.x = bytes_axis("working set (bytes)");
    panel.y = {"bandwidth (GB/s)", Scale::log10};
    set_bandwidth_ranges(points, panel);
    add_thread_legend(styles, points, panel);
    if (panel.title == "triad") show_levels(file.json, styles, panel);
    show_kernel(file.json, kernel, styles, picture.table, panel);
    picture.panels.push_back(std::move(panel));
  }
  if (!styles.empty()) block.pictures.push_back(std::move(picture));
  if (!part_of(fit, "levels").empty()) {
    block.tables.push_back({"Levels found", table_of_bandwidths(fit)});
  }
  if (const io::Json& saturation = part_of(fit, "saturation"); !saturation.empty()) {
    block.tables.push_back({"Saturation of memory", table_of_saturation(saturation)});
  }
}

}  // namespace ridgeline::report
