#include "studies/crossover_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/units.hpp"
#include "machine/space_memory.hpp"
#include "model/crossover.hpp"
#include "model/measured_fractions.hpp"

namespace ridgeline::studies {
namespace {

using model::Crossover;

// Precedes expected times from the fit of all layers, for a kind without a record.
constexpr const char* kNoRecord = "?";
// Beginning of a sentence on expected times.
constexpr const char* kExpectedHow = "expected (not measured): ";

// Returns a cell with the crossover and its interval, without the interval if the table is too
// wide.
io::Cell shown_crossover(const Crossover& crossover, const std::string& mark) {
  const auto number = [](double size) { return fmt::format("{:g}", size); };
  const model::Estimate& size = crossover.size;
  if (!size.reached())
    return no_number(mark + shown(size, number), mark + shown_briefly(size, number));
  const std::string value =
      mark + (crossover.kind == Crossover::Kind::always ? fmt::format("all, {:g} on", size.value)
                                                        : number(size.value));
  if (size.low == size.high) return io::Cell::shown_as(size.value, value);
  return io::Cell::shown_as(size.value,
                            fmt::format("{} ({:g} to {:g})", value, size.low, size.high), value);
}

bool is_expected(Mode mode) { return mode == kExpected || mode == kExpectedWithTransfers; }

// Adds the cells of the modes that the table shows.
void add_crossovers(const FittedCurve* fitted, const std::vector<Mode>& shown_modes,
                    std::vector<io::Cell>& row) {
  for (const Mode mode : shown_modes) {
    row.emplace_back();
    if (!fitted || !fitted->crossovers[mode]) continue;
    const bool marked = is_expected(mode) && fitted->without_record;
    row.back() = shown_crossover(*fitted->crossovers[mode], marked ? kNoRecord : "");
  }
}

// A time of 0 was not measured: its cell is empty.
io::Cell seconds_cell(double seconds, const char* mark = "") {
  return seconds > 0 ? io::Cell::shown_as(seconds, mark + io::show_seconds(seconds)) : io::Cell();
}

// Returns the cells with the times of one size on both spaces.
std::vector<io::Cell> times_of(const SizeCurve& curve, const SizeMeasurement& point) {
  const bool no_record = point.without_record && !point.without_record->empty();
  return {fmt::format("{} {:g}", curve.grows, point.size), io::time_cell(point.modes[kEager].first),
          seconds_cell(point.modes[kEager].second),
          seconds_cell(point.modes[kExpected].second, no_record ? kNoRecord : "")};
}

// Returns one size in one mode for the file; empty if nothing is known of it.
io::Json mode_json(const SizeMeasurement& point, Mode mode) {
  const ModeMeasurement& measured = point.modes[mode];
  io::Json json = io::Json::object();
  if (!measured.ratios.empty()) {
    json["first_seconds"] = measured.first;
    if (measured.second_timing) {
      json["second_seconds"] = *measured.second_timing;
    } else {
      json[is_expected(mode) ? "second_expected_seconds" : "second_ceiling_seconds"] =
          measured.second;
    }
    json["ratio"] = median_of(measured.ratios);
    json["ratios"] = measured.ratios;
  }
  // The lower bound is accompanied by the expected time.
  const Mode expected = mode == kEager           ? kExpected
                        : mode == kWithTransfers ? kExpectedWithTransfers
                                                 : mode;
  if (expected != mode && point.modes[expected].second > 0) {
    json["second_expected_seconds"] = point.modes[expected].second;
  }
  return json;
}

// Adds a row: the curves of one layer or deck in one pass. Its times are those of the largest
// batch, or every batch has a row.
void add_row(const FittedRow& fitted, const Comparison& comparison, io::Table& table) {
  std::vector<io::Cell> row = {fitted.subject, fitted.pass};
  if (comparison.from_file) {
    const SizeCurve& curve = *fitted.curves.back();
    if (curve.points.empty()) return;
    const bool is_deck = fitted.curves.size() == 1;
    for (std::size_t i = 0; comparison.each_batch && is_deck && i + 1 < curve.points.size(); ++i) {
      std::vector<io::Cell> smaller = row;
      for (const io::Cell& cell : times_of(curve, curve.points[i])) smaller.push_back(cell);
      table.add_row(smaller);
    }
    for (const io::Cell& cell : times_of(curve, curve.points.back())) row.push_back(cell);
  }
  for (const char* grows : {"width", "batch"}) {
    const FittedCurve* found = nullptr;
    for (const FittedCurve& curve : fitted.fitted) {
      if (curve.curve->grows == grows) found = &curve;
    }
    add_crossovers(found, comparison.shown, row);
  }
  const std::vector<double>& ratios = fitted.ratios;
  if (ratios.empty()) {
    if (comparison.from_file) table.add_row(row);
    return;
  }
  if (!comparison.from_file) {
    row.push_back(io::Cell(*std::min_element(ratios.begin(), ratios.end()), "{:.2f}"));
    row.push_back(io::Cell(*std::max_element(ratios.begin(), ratios.end()), "{:.2f}"));
  }
  if (fitted.advantage) {
    row.push_back(estimate_cell(fitted.advantage->per_doubling,
                                [](double x) { return fmt::format("{:.2f}", x); }));
  }
  table.add_row(row);
}

// Returns "at every size in 40, from some size on in 3 and undecided in 1": the cases that occur.
std::string outcomes(const std::vector<std::pair<std::string, int>>& counts) {
  std::vector<std::string> texts;
  for (const auto& [outcome, count] : counts) {
    if (count > 0) texts.push_back(fmt::format("{} in {}", outcome, count));
  }
  if (texts.size() < 2) return fmt::format("{}", fmt::join(texts, ""));
  const std::string last = texts.back();
  texts.pop_back();
  return fmt::format("{} and {}", fmt::join(texts, ", "), last);
}

// Adds a sentence on the number of curves on which the second space is faster from some size on, in
// one mode.
void tell_crossovers(Mode mode, const Comparison& comparison, const std::string& how,
                     const std::vector<FittedRow>& rows, Study& study) {
  int total = 0, never = 0, always = 0, unclear = 0, guessed = 0;
  int slower = 0, faster = 0, smallest = 0;
  for (const FittedRow& row : rows) {
    for (const FittedCurve& fitted : row.fitted) {
      if (!fitted.crossovers[mode]) continue;
      const Crossover& crossover = *fitted.crossovers[mode];
      const bool is_never = crossover.kind == Crossover::Kind::never;
      const bool reached = crossover.size.reached();
      ++total;
      never += is_never;
      always += crossover.kind == Crossover::Kind::always && reached;
      unclear += !is_never && !reached;
      guessed += is_expected(mode) && fitted.without_record;
    }
    for (const SizeCurve* curve : row.curves) {
      if (curve->points.size() < 2 || curve->points.front().modes[mode].ratios.empty()) continue;
      const double ratio = median_of(curve->points.front().modes[mode].ratios);
      ++smallest;
      slower += ratio < 1 / model::kWin;
      faster += ratio > model::kWin;
    }
  }
  if (total == 0) return;
  std::string sentence = fmt::format(
      "{}of {}{}, {} is faster {}", how, io::show_count(total, "curve"),
      guessed > 0 ? fmt::format(" ({} of them {})", guessed, kNoRecord) : "", comparison.second,
      outcomes({{"at every size", always},
                {"from some size on", total - never - always - unclear},
                {"not at the largest size", never},
                {"from a size that is too uncertain to state", unclear}}));
  if (faster < smallest) {
    sentence += "; at the smallest size it is " +
                outcomes({{"faster", faster},
                          {"slower", slower},
                          {fmt::format("within {:.0f} %", 100 * (model::kWin - 1)),
                           smallest - faster - slower}});
  }
  study.answers.push_back(sentence);
}

}  // namespace

std::vector<io::Column> columns_of(const Comparison& comparison) {
  std::vector<io::Column> columns = {{"layer or deck", "what", io::Align::left},
                                     {"pass", "pass", io::Align::left, 0}};
  if (comparison.from_file) {
    columns.push_back({"at", "at", io::Align::left, 0});
    columns.push_back({"here", "first_seconds", io::Align::right, 0});
    columns.push_back({"at best", "second_ceiling_seconds", io::Align::right, 3});
    columns.push_back({"expected", "second_expected_seconds", io::Align::right, 0});
  }
  for (const std::string grows : {"width", "batch"}) {
    for (const Mode mode : comparison.shown) {
      const std::string of_mode = mode == kEager ? "" : std::string(kModeNames[mode]) + "_";
      std::string title = grows + " from";
      int rank = grows == "batch" ? 1 : 2;
      if (mode == kWithTransfers || mode == kExpectedWithTransfers) {
        title = grows + " with transfers", rank = 5;
      } else if (mode == kGraph) {
        title = grows + " as a graph", rank = 6;
      } else if (mode == kEager && comparison.from_file) {
        title = grows + " at best from", rank = 4;
      }
      columns.push_back({title, grows + "_" + of_mode + "from", io::Align::right, rank});
    }
  }
  if (!comparison.from_file) {
    columns.push_back({"worst", "smallest_ratio", io::Align::right, 2});
    columns.push_back({"best", "largest_ratio", io::Align::right, 2});
  }
  columns.push_back({"per doubling of bytes", "per_doubling_of_bytes", io::Align::right, 3});
  return columns;
}

void add_points(const SizeCurve& curve, Study& study) {
  for (const SizeMeasurement& point : curve.points) {
    io::Json json = io::Json::object();
    std::string name;
    if (point.width) {
      json["width"] = *point.width;
      name = fmt::format("width {}, ", *point.width);
    }
    json["batch"] = point.batch;
    json["precision"] = point.precision;
    json["what"] = curve.subject;
    json["pass"] = curve.pass;
    json["grows"] = curve.grows;
    json["flops"] = point.flops;
    json["working_set_bytes"] = point.bytes;
    name += fmt::format("batch {}, {}, {}, {}", point.batch, point.precision, curve.subject,
                        curve.pass);
    if (point.without_record) json["kinds_without_record"] = *point.without_record;
    std::vector<Timing> timings;
    for (const Mode mode : {kEager, kExpected, kWithTransfers, kGraph, kExpectedWithTransfers}) {
      const io::Json of_mode = mode_json(point, mode);
      if (!of_mode.empty()) json[kModeNames[mode]] = of_mode;
      if (point.modes[mode].ratios.empty()) continue;
      timings.push_back(point.modes[mode].first);
      if (point.modes[mode].second_timing) timings.push_back(*point.modes[mode].second_timing);
    }
    study.add_point(std::move(json), name, timings);
  }
}

void add_rows(const std::vector<FittedRow>& rows, const Comparison& comparison, io::Table& table) {
  for (const FittedRow& row : rows) add_row(row, comparison, table);
}

void tell_answers(const std::vector<FittedRow>& rows, const Comparison& comparison, Study& study) {
  if (comparison.from_file) {
    tell_crossovers(kEager, comparison, "at best (not measured): ", rows, study);
    tell_crossovers(kExpected, comparison, kExpectedHow, rows, study);
    tell_crossovers(kExpectedWithTransfers, comparison,
                    "expected, with transfers (not measured): ", rows, study);
  } else {
    tell_crossovers(kEager, comparison, "", rows, study);
  }
  int grows = 0, shrinks = 0, all = 0;
  for (const FittedRow& row : rows) {
    if (!row.advantage) continue;
    const model::Estimate& growth = row.advantage->per_doubling;
    ++all;
    grows += std::isfinite(growth.low) && growth.low > 1;
    shrinks += std::isfinite(growth.high) && growth.high < 1;
  }
  if (all == 0) return;
  study.answers.push_back(
      fmt::format("{}{}'s advantage over {} ", comparison.from_file ? kExpectedHow : "",
                  comparison.second, comparison.from_file ? "this machine" : comparison.first) +
      outcomes({{"grows with the bytes that an operation touches", grows},
                {"shrinks", shrinks},
                {"is undetermined", all - grows - shrinks}}) +
      fmt::format(" of {} whose bytes grow fourfold or more", io::show_count(all, "row")));
}

void note_sources(const CrossoverBounds& bounds, const Comparison& comparison, Study& study) {
  const io::Json& file = *bounds.machine_file;
  const auto measured = file.find("measured");
  const bool from_sheet = measured != file.end() && *measured == false;
  const model::DeviceKind device = model::device_of(bounds.machine_space);
  const std::string sources = model::describe_sources(device);
  study.notes.push_back(
      fmt::format("\"here\" was measured, on {} of this machine. For this study nothing ran on {}: "
                  "\"at best\" is "
                  "the sum of what {} allow, \"expected\" adds what such layers took beyond their "
                  "ceilings on {}; "
                  "\"from\" is the size from which on it is faster",
                  comparison.first, comparison.second,
                  from_sheet ? "the figures of its data sheet" : "its measured ceilings", sources));
  study.settings["second_file"] = bounds.machine_path;
  study.settings["second_model"] = comparison.second;
  study.settings["second_is_measured"] = false;
  study.settings["second_machine"] = file.value("machine", io::Json());
  study.settings["fractions_from"] = sources;
  if (from_sheet) study.settings["second_source"] = file.value("source", io::Json());
}

void note_missing(const std::set<std::string>& kinds_without_record,
                  const std::set<std::string>& absent, const CrossoverBounds& bounds,
                  const Comparison& comparison, Study& study) {
  const auto listed = [](const std::set<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
  };
  if (!kinds_without_record.empty()) {
    study.notes.push_back(
        fmt::format("marked {}, what is expected of layers that were not recorded on a {}, as if "
                    "they were like "
                    "all others: {}",
                    kNoRecord, model::to_string(model::device_of(bounds.machine_space)),
                    listed(kinds_without_record)));
  }
  if (absent.count("dispatch") > 0) {
    const model::DeviceKind device = model::device_of(bounds.machine_space);
    study.notes.push_back(fmt::format(
        "the file of {} has no cost of a launch: \"at best\" has none, \"expected\" the {} of {}",
        comparison.second, io::show_seconds(model::measured_dispatch(device).kernel),
        model::describe_sources(device)));
  }
  if (absent.count("cache bandwidth") > 0) {
    study.notes.push_back(fmt::format(
        "the file of {} has no bandwidth of caches: memory's stands for them, so that what "
        "fits into a cache may be faster there than both \"at best\" and \"expected\"",
        comparison.second));
  }
}

}  // namespace ridgeline::studies
