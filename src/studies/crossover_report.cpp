#include "studies/crossover_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/units.hpp"
#include "machine/space_memory.hpp"
#include "model/crossover.hpp"
#include "model/measured_fractions.hpp"

namespace ridgeline::studies {
namespace {

using model::Crossover;
using model::SizePoint;

// Before what is expected by the fit of all layers, for a kind without a record.
constexpr const char* kNoRecord = "?";
// How a sentence on expected times begins.
constexpr const char* kExpectedHow = "expected (not measured): ";

// The interval of a crossover as people read it, without it in a table that is too wide.
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

// Whether what is expected of it rests on the fit of all layers.
bool is_without_record(const SizeCurve& curve) {
  return std::any_of(curve.points.begin(), curve.points.end(),
                     [](const SizeMeasurement& point) { return point.without_record; });
}

io::Json json_of(const Crossover& crossover) {
  io::Json json = to_json(crossover.size);
  json["kind"] = model::to_string(crossover.kind);
  return json;
}

Crossover crossover_of(const SizeCurve& curve, Mode mode) {
  std::vector<SizePoint> points;
  for (const SizeMeasurement& point : curve.points) {
    if (!point.ratios[mode].empty()) points.push_back({point.size, point.ratios[mode]});
  }
  return model::find_crossover(points);
}

bool measured(const SizeCurve& curve, Mode mode) {
  return !curve.points.empty() && !curve.points.back().ratios[mode].empty();
}

// The curve of what grows, if it has several points.
const SizeCurve* find_curve(const std::vector<const SizeCurve*>& curves, const std::string& grows) {
  for (const SizeCurve* curve : curves) {
    if (curve->grows == grows && curve->points.size() > 1) return curve;
  }
  return nullptr;
}

// The crossovers of a curve by mode, as JSON and as cells of the ways that the table shows.
void add_crossovers(const SizeCurve* curve, const std::string& what, const std::string& pass,
                    const std::string& grows, const std::vector<Mode>& shown_modes,
                    std::vector<io::Cell>& row, Study& study) {
  std::array<io::Cell, kModes> cells;
  for (int mode = 0; curve && mode < kModes; ++mode) {
    if (!measured(*curve, Mode(mode))) continue;
    const Crossover crossover = crossover_of(*curve, Mode(mode));
    study.fit["crossovers"].push_back({{"what", what},
                                       {"pass", pass},
                                       {"grows", grows},
                                       {"way", kModeNames[mode]},
                                       {"without_record", is_without_record(*curve)},
                                       {"size", json_of(crossover)}});
    const bool marked = is_expected(Mode(mode)) && is_without_record(*curve);
    cells[static_cast<std::size_t>(mode)] = shown_crossover(crossover, marked ? kNoRecord : "");
  }
  for (const Mode mode : shown_modes) row.push_back(cells[mode]);
}

// What was not measured has no interval, but perhaps a mark.
io::Cell seconds_cell(double seconds, const char* mark = "") {
  return seconds > 0 ? io::Cell::shown_as(seconds, mark + io::show_seconds(seconds)) : io::Cell();
}

// The advantage is that of the expected times where there are any: ceilings alone contain no
// launches, and no kernels that small arrays do not fill.
Mode mode_of_advantage(const Comparison& comparison) {
  return comparison.from_file ? kExpected : kEager;
}

// The cells that say what one size takes here and there.
std::vector<io::Cell> times_of(const SizeCurve& curve, const SizeMeasurement& point) {
  return {fmt::format("{} {:g}", curve.grows, point.size), io::time_cell(point.first),
          seconds_cell(point.second[kEager]),
          seconds_cell(point.second[kExpected], point.without_record ? kNoRecord : "")};
}

// A row of the table: the curves of one layer or deck in one pass. The largest batch stands for the
// times, or every batch has a row.
void add_row(const std::vector<const SizeCurve*>& curves, const std::string& what,
             const std::string& pass, const Comparison& comparison, Study& study) {
  std::vector<io::Cell> row = {what, pass};
  std::vector<double> bytes, ratios;
  if (comparison.from_file) {
    const SizeCurve* curve = curves.back();
    if (curve->points.empty()) return;
    const bool is_deck = curves.size() == 1;
    for (std::size_t i = 0; comparison.each_batch && is_deck && i + 1 < curve->points.size(); ++i) {
      std::vector<io::Cell> smaller = row;
      for (const io::Cell& cell : times_of(*curve, curve->points[i])) smaller.push_back(cell);
      study.table.add_row(smaller);
    }
    for (const io::Cell& cell : times_of(*curve, curve->points.back())) row.push_back(cell);
  }
  for (const char* grows : {"width", "batch"}) {
    const SizeCurve* found = find_curve(curves, grows);
    add_crossovers(found, what, pass, grows, comparison.shown, row, study);
    if (!found) continue;
    for (const SizeMeasurement& point : found->points) {
      const std::vector<double>& turns = point.ratios[mode_of_advantage(comparison)];
      if (turns.empty()) continue;
      bytes.push_back(point.bytes);
      ratios.push_back(median_of(turns));
    }
  }
  if (ratios.empty()) {
    if (comparison.from_file) study.table.add_row(row);
    return;
  }
  if (!comparison.from_file) {
    row.push_back(io::Cell(*std::min_element(ratios.begin(), ratios.end()), "{:.2f}"));
    row.push_back(io::Cell(*std::max_element(ratios.begin(), ratios.end()), "{:.2f}"));
  }
  if (const auto advantage = model::fit_advantage(bytes, ratios)) {
    study.fit["advantage"].push_back({{"what", what},
                                      {"pass", pass},
                                      {"way", kModeNames[mode_of_advantage(comparison)]},
                                      {"per_doubling_of_bytes", to_json(advantage->per_doubling)},
                                      {"break_even_bytes", to_json(advantage->break_even)},
                                      {"deviation_log2", advantage->residual_deviation}});
    row.push_back(
        estimate_cell(advantage->per_doubling, [](double x) { return fmt::format("{:.2f}", x); }));
  }
  study.table.add_row(row);
}

// "at every size in 40, from some size on in 3 and undecided in 1": what occurs at all.
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

// How many curves the second space wins from some size on, by one mode of comparing.
void tell_crossovers(Mode mode, const Comparison& comparison, const std::string& how,
                     const std::vector<SizeCurve>& curves, Study& study) {
  int total = 0, never = 0, always = 0, unclear = 0, guessed = 0;
  int slower = 0, faster = 0, smallest = 0;
  for (const io::Json& fit : study.fit["crossovers"]) {
    if (fit.at("way") != kModeNames[mode]) continue;
    ++total;
    const io::Json& size = fit.at("size");
    never += size.at("kind") == "never";
    always += size.at("kind") == "always" && size.at("reached") == true;
    unclear += size.at("kind") != "never" && size.at("reached") == false;
    guessed += is_expected(mode) && fit.at("without_record") == true;
  }
  for (const SizeCurve& curve : curves) {
    if (curve.points.size() < 2 || curve.points.front().ratios[mode].empty()) continue;
    const double ratio = median_of(curve.points.front().ratios[mode]);
    ++smallest;
    slower += ratio < 1 / model::kWin;
    faster += ratio > model::kWin;
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

// "the NVIDIA H200", or where the file does not say "cuda of other.json".
std::string name_of_machine(const CrossoverBounds& bounds) {
  const io::Json machine = bounds.machine_file->value("machine", io::Json::object());
  const bool gpu = model::device_of(bounds.machine_space) == model::DeviceKind::gpu;
  const auto model = machine.find(gpu ? "gpu_model" : "cpu_model");
  if (model != machine.end() && model->is_string() && *model != "")
    return "the " + model->get<std::string>();
  return bounds.machine_space + " of " +
         std::filesystem::path(bounds.machine_path).filename().string();
}

}  // namespace

Comparison comparison_of(const CrossoverBounds& bounds) {
  Comparison comparison;
  comparison.first = to_string(bounds.first);
  comparison.from_file = bounds.machine_file.has_value();
  if (comparison.from_file) {
    comparison.second = name_of_machine(bounds);
    comparison.device = model::device_of(bounds.machine_space) == model::DeviceKind::gpu;
    comparison.shown = {kEager, kExpected, kExpectedWithTransfers};
    if (!comparison.device) comparison.shown.pop_back();
    comparison.each_batch = bounds.decks.size() == 1;
    return comparison;
  }
  comparison.second = to_string(bounds.second);
  comparison.device = !machine::is_host(bounds.second);
  comparison.shown = {kEager};
  if (comparison.device) comparison.shown = {kEager, kWithTransfers, kGraph};
  return comparison;
}

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
  columns.push_back({"a doubling of bytes", "per_doubling_of_bytes", io::Align::right, 3});
  return columns;
}

void add_rows(const std::vector<SizeCurve>& curves, const Comparison& comparison, Study& study) {
  for (std::size_t i = 0; i < curves.size();) {
    std::vector<const SizeCurve*> group;
    std::size_t end = i;
    while (end < curves.size() && curves[end].what == curves[i].what &&
           curves[end].pass == curves[i].pass) {
      group.push_back(&curves[end++]);
    }
    add_row(group, curves[i].what, curves[i].pass, comparison, study);
    i = end;
  }
}

void tell_answers(const std::vector<SizeCurve>& curves, const Comparison& comparison,
                  Study& study) {
  if (comparison.from_file) {
    tell_crossovers(kEager, comparison, "at best (not measured): ", curves, study);
    tell_crossovers(kExpected, comparison, kExpectedHow, curves, study);
    tell_crossovers(kExpectedWithTransfers, comparison,
                    "expected, with transfers (not measured): ", curves, study);
  } else {
    tell_crossovers(kEager, comparison, "", curves, study);
  }
  int grows = 0, shrinks = 0, all = 0;
  for (const io::Json& fit : study.fit["advantage"]) {
    const io::Json& growth = fit.at("per_doubling_of_bytes");
    ++all;
    grows += growth.at("low").is_number() && growth.at("low").get<double>() > 1;
    shrinks += growth.at("high").is_number() && growth.at("high").get<double>() < 1;
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

void note_what_is_measured(const CrossoverBounds& bounds, const Comparison& comparison,
                           Study& study) {
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

void note_what_is_missing(const std::set<std::string>& kinds_without_record,
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
