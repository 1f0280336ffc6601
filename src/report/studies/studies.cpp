#include "report/studies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "io/units.hpp"
#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

struct StudyPage {
  const char* name;
  const char* title;
  void (*add)(const ResultFile&, Block&);
};

constexpr std::array<StudyPage, 7> kStudies = {{{"latency", "Latency", add_latency},
                                                {"bandwidth", "Bandwidth", add_bandwidth},
                                                {"concurrency", "Concurrency", add_concurrency},
                                                {"dispatch", "Dispatch", add_dispatch},
                                                {"divergence", "Divergence", add_divergence},
                                                {"crossover", "Crossover", add_crossover},
                                                {"scaling", "Scaling", add_scaling}}};

constexpr std::array<Colour, 6> kThreadColours = {Colour::blue,   Colour::red, Colour::purple,
                                                  Colour::orange, Colour::sky, Colour::ink};
// Another number than that of the colours, so that curves of one colour have different markers.
constexpr std::array<Marker, 5> kThreadMarkers = {Marker::circle, Marker::square, Marker::diamond,
                                                  Marker::triangle, Marker::cross};

}  // namespace

const std::vector<std::string>& study_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const StudyPage& study : kStudies) list.emplace_back(study.name);
    return list;
  }();
  return names;
}

Block study_block(const ResultFile& file) {
  const std::string name = file.json.at("study");
  const auto study = std::find_if(std::begin(kStudies), std::end(kStudies),
                                  [&](const StudyPage& each) { return name == each.name; });
  if (study == std::end(kStudies)) throw std::logic_error("study_block of an unknown study");
  Block block = block_of(file);
  block.title = fmt::format("{}: {}", study->title, file.json.at("claim").get<std::string>());
  block.sentences = texts_of(file.json, "answers");
  study->add(file, block);
  return block;
}

Picture study_picture(const ResultFile& file, const std::string& part, const std::string& title) {
  Picture picture;
  picture.name = name_of(text_of(file.json, "study") + (part.empty() ? "" : "-") + part);
  const io::Json& complete = part_of(file.json, "complete");
  const bool incomplete = complete.is_boolean() && !complete.get<bool>();
  picture.title = title + (incomplete ? " (incomplete)" : "");
  picture.source = source_of(file);
  return picture;
}

const io::Json& part_of(const io::Json& json, const std::string& key) {
  static const io::Json none;
  const auto found = json.find(key);
  return found == json.end() ? none : *found;
}

std::string show_number(double number) {
  if (number == 0 || !std::isfinite(number)) return fmt::format("{:g}", number);
  const double digits = 2 - std::floor(std::log10(std::abs(number)));
  return fmt::format("{:.{}f}", number, static_cast<int>(std::clamp(digits, 0.0, 6.0)));
}

std::string show_threads(double count) {
  return fmt::format("{:g} thread{}", count, count == 1 ? "" : "s");
}

std::string show_rate(double bytes_per_second) {
  return show_number(1e-9 * bytes_per_second) + " GB/s";
}

std::string shown_value(const EstimateOf& estimate, const Show& show) {
  if (std::isfinite(estimate.value)) return show(estimate.value);
  const bool low = std::isfinite(estimate.low), high = std::isfinite(estimate.high);
  if (low && high) return show(estimate.low) + " to " + show(estimate.high);
  return low ? "> " + show(estimate.low) : high ? "< " + show(estimate.high) : "";
}

io::Cell number_cell(double number) {
  return std::isfinite(number) ? io::Cell::shown_as(number, show_number(number)) : io::Cell();
}

io::Cell count_cell(double count) {
  return std::isfinite(count) ? io::Cell::shown_as(count, fmt::format("{:g}", count)) : io::Cell();
}

io::Cell bytes_cell(double bytes) {
  return std::isfinite(bytes) ? io::Cell::shown_as(bytes, machine::readable_bytes(bytes))
                              : io::Cell();
}

io::Cell estimate_cell(const EstimateOf& estimate, const Show& show) {
  const std::string value = shown_value(estimate, show);
  if (value.empty()) return {};
  if (!std::isfinite(estimate.value)) return io::Cell::shown_as(estimate.value, value);
  const bool low = std::isfinite(estimate.low), high = std::isfinite(estimate.high);
  const std::string interval =
      low && high ? fmt::format(" ({} to {})", show(estimate.low), show(estimate.high))
      : low       ? " (at least " + show(estimate.low) + ")"
      : high      ? " (at most " + show(estimate.high) + ")"
                  : "";
  return io::Cell::shown_as(estimate.value, value + interval, value);
}

EstimateOf median_of_timing(const io::Json& timing) {
  EstimateOf estimate{number_of(timing, "median"), std::nan(""), std::nan("")};
  const io::Json& interval = part_of(timing, "median_interval");
  if (interval.is_array() && interval.size() == 2 && interval.at(0).is_number() &&
      interval.at(1).is_number()) {
    estimate.low = interval.at(0).get<double>();
    estimate.high = interval.at(1).get<double>();
  }
  return estimate;
}

std::size_t add_row(io::Table& table, std::vector<io::Cell> cells) {
  table.add_row(std::move(cells));
  return table.rows().size() - 1;
}

Axis bytes_axis(const std::string& label) { return {label, Scale::log2, Ticks::bytes}; }

Curve legend_entry(const std::string& name, Colour colour, Line line, Marker marker, bool hollow) {
  Curve entry = plain_curve(colour, line, marker, hollow);
  entry.name = name;
  return entry;
}

Curve plain_curve(Colour colour, Line line, Marker marker, bool hollow) {
  Curve curve;
  curve.colour = colour;
  curve.line = line;
  curve.marker = marker;
  curve.hollow = hollow;
  return curve;
}

Curve level_segment(double from, double to, double value) {
  Curve segment = legend_entry("levels found", Colour::grey, Line::solid);
  segment.width = 5;
  segment.points = {{from, value}, {to, value}};
  return segment;
}

void sort_by_x(Curve& curve) {
  std::stable_sort(curve.points.begin(), curve.points.end(),
                   [](const Point& a, const Point& b) { return a.x < b.x; });
}

std::string ThreadStyle::name() const {
  return threads > 0 ? space + ", " + show_threads(threads) : space;
}

double threads_of(const io::Json& point) {
  return point.at("space") == "host" ? point.at("threads").get<double>() : 0;
}

std::vector<ThreadStyle> thread_styles(const io::Json& points) {
  std::vector<ThreadStyle> styles;
  std::size_t hosts = 0;
  for (const io::Json& point : points) {
    const std::string space = point.at("space");
    const double threads = threads_of(point);
    if (find_style(styles, space, threads) != nullptr) continue;
    if (space == "host") {
      styles.push_back({space, threads, kThreadColours[hosts % kThreadColours.size()],
                        kThreadMarkers[hosts % kThreadMarkers.size()], false});
      ++hosts;
    } else {
      styles.push_back({space, threads, Colour::green, Marker::circle, true});
    }
  }
  return styles;
}

const ThreadStyle* find_style(const std::vector<ThreadStyle>& styles, const std::string& space,
                              double threads) {
  const auto found = std::find_if(styles.begin(), styles.end(), [&](const ThreadStyle& style) {
    return style.space == space && style.threads == threads;
  });
  return found == styles.end() ? nullptr : &*found;
}

void Range::add(double value) {
  if (!std::isfinite(value) || value <= 0) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

void set_limits(Axis& axis, const Range& range, double below, double above) {
  if (range.empty()) return;
  axis.from = range.low / below;
  axis.to = range.high * above;
}

}  // namespace ridgeline::report
