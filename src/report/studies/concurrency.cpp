#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/units.hpp"
#include "model/saturation.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

constexpr int kCurvePoints = 80;

// The points of one curve, whose loads in flight vary.
struct Chains {
  ThreadStyle style;
  double bytes_per_load = 0;
  std::vector<Point> points;      // GB/s against loads in flight, in increasing order
  const io::Json* fit = nullptr;  // null if it was not fitted
};

// Returns the fit of a curve, nullptr if there is none.
const io::Json* fit_of(const io::Json& fits, const ThreadStyle& style) {
  for (const io::Json& fit : fits) {
    if (fit.at("space") == style.space && threads_of(fit) == style.threads) return &fit;
  }
  return nullptr;
}

std::vector<Chains> chains_of(const io::Json& study, io::Table& table) {
  const io::Json& points = study.at("points");
  const io::Json& fits = part_of(study.at("fit"), "saturation");
  std::vector<Chains> all;
  for (const ThreadStyle& style : thread_styles(points)) {
    Chains chains{style, 0, {}, fit_of(fits, style)};
    for (const io::Json& point : points) {
      if (point.at("what") != "chains" || point.at("space") != style.space ||
          threads_of(point) != style.threads) {
        continue;
      }
      const double loads = point.at("loads_in_flight"), rate = point.at("gbytes_per_second");
      chains.bytes_per_load = point.at("bytes_per_load");
      const std::size_t row =
          add_row(table, {style.space, count_cell(point.at("threads")), "chains of loads",
                          count_cell(number_of(point, "loads_in_flight_per_thread")),
                          count_cell(loads), number_cell(rate)});
      chains.points.push_back({loads, rate, row});
    }
    std::stable_sort(chains.points.begin(), chains.points.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
    if (!chains.points.empty()) all.push_back(std::move(chains));
  }
  return all;
}

// Adds the fitted B(n) and the loads that saturate; nothing if they were not reached.
void show_saturation(const Chains& chains, Panel& panel) {
  model::Saturation saturation;
  saturation.fitted_latency = estimate_of(*chains.fit, "latency_seconds").value;
  saturation.fitted_bandwidth = estimate_of(*chains.fit, "bytes_per_second").value;
  saturation.sharpness = chains.fit->at("sharpness");
  const double knee = estimate_of(*chains.fit, "loads_in_flight").value;
  if (!std::isfinite(saturation.fitted_latency + saturation.fitted_bandwidth + knee)) return;
  Curve curve = plain_curve(chains.style.colour, Line::solid);
  const double first = chains.points.front().x;
  const double last = std::max(chains.points.back().x, knee);
  for (int i = 0; i < kCurvePoints; ++i) {
    const double loads = first * std::pow(last / first, i / (kCurvePoints - 1.0));
    curve.points.push_back({loads, 1e-9 * saturation.at(loads, chains.bytes_per_load)});
  }
  panel.curves.push_back(std::move(curve));
  Curve marker = plain_curve(chains.style.colour, Line::none, Marker::diamond, true);
  marker.points.push_back({knee, 1e-9 * saturation.fitted_bandwidth, kNoRow, 3});
  panel.curves.push_back(std::move(marker));
}

// Returns the name of a curve in the legend, with what was fitted.
std::string name_with_fit(const Chains& chains) {
  if (chains.fit == nullptr) return chains.style.name();
  const std::string loads = shown_value(estimate_of(*chains.fit, "loads_in_flight"), show_number);
  const std::string rate = shown_value(estimate_of(*chains.fit, "bytes_per_second"), show_rate);
  std::string name = chains.style.name();
  if (!loads.empty()) name += fmt::format(": {} loads", loads);
  if (!rate.empty()) name += (loads.empty() ? ": " : ", ") + rate;
  return name;
}

// Adds the bandwidths of reads that do not depend on each other, as lines across the panel.
void show_reads(const Chains& chains, double& labelled, io::Table& table, Panel& panel) {
  const io::Json& little = chains.fit->at("little");
  const auto add = [&](const std::string& key, const std::string& what, Line line) {
    const double rate = 1e-9 * number_of(little, key + "_bytes_per_second");
    const std::size_t row = add_row(
        table, {chains.style.space, count_cell(number_of(*chains.fit, "threads")), what, io::Cell(),
                number_cell(number_of(little, key + "_loads_in_flight")), number_cell(rate)});
    Curve curve = plain_curve(chains.style.colour, line);
    curve.width = 1;
    curve.points = {{panel.x.from.value_or(1), rate, row}, {panel.x.to.value_or(1), rate, row}};
    panel.curves.push_back(std::move(curve));
    return rate;
  };
  add("independent", "independent reads at random", Line::dashed);
  const double in_order = add("streaming", "read in order", Line::dotted);
  // Of lines that are close together the highest has a label.
  if (!(1.4 * in_order < labelled) || !panel.x.from) return;
  panel.labels.push_back({*panel.x.from, in_order, "in order " + show_rate(1e9 * in_order),
                          chains.style.colour, 0, 4, 9});
  labelled = in_order;
}

// Adds Little's law: n loads of one latency, up to the highest bandwidth of a read in order.
void show_little(const Chains& chains, double from, Panel& panel) {
  const io::Json& little = chains.fit->at("little");
  const double latency = number_of(little, "latency_seconds");
  const double to = number_of(little, "streaming_loads_in_flight");
  Curve line = legend_entry(fmt::format("Little's law, {}: n × {:g} B / {}", chains.style.space,
                                        chains.bytes_per_load, io::show_seconds(latency)),
                            Colour::grey, Line::dash_dotted);
  for (const double loads : {from, to}) {
    line.points.push_back({loads, 1e-9 * loads * chains.bytes_per_load / latency});
  }
  panel.curves.push_back(std::move(line));
}

void set_load_ranges(const std::vector<Chains>& all, Panel& panel) {
  Range loads, rates;
  for (const Chains& chains : all) {
    for (const Point& point : chains.points) {
      loads.add(point.x);
      rates.add(point.y);
    }
    if (chains.fit == nullptr) continue;
    const io::Json& little = chains.fit->at("little");
    loads.add(estimate_of(*chains.fit, "loads_in_flight").value);
    rates.add(1e-9 * estimate_of(*chains.fit, "bytes_per_second").value);
    for (const char* key : {"independent", "streaming"}) {
      loads.add(number_of(little, std::string(key) + "_loads_in_flight"));
      rates.add(1e-9 * number_of(little, std::string(key) + "_bytes_per_second"));
    }
  }
  set_limits(panel.x, loads, 1.3, 1.3);
  set_limits(panel.y, rates, 1.3, 1.7);
  constexpr double kFew = 4096;
  panel.x.scale = loads.high < kFew ? Scale::log2 : Scale::log10;
}

// Returns the panel of one space.
Panel panel_of(const std::vector<Chains>& all, io::Table& table) {
  Panel panel;
  panel.title = all.front().style.space;
  panel.x = {"loads in flight, all threads together"};
  panel.y = {"bandwidth (GB/s)", Scale::log10};
  set_load_ranges(all, panel);
  std::vector<const Chains*> fitted;
  for (const Chains& chains : all) {
    if (chains.fit != nullptr) fitted.push_back(&chains);
  }
  const auto in_order = [](const Chains* chains) {
    return number_of(chains->fit->at("little"), "streaming_bytes_per_second");
  };
  std::stable_sort(fitted.begin(), fitted.end(),
                   [&](const Chains* a, const Chains* b) { return in_order(a) > in_order(b); });
  double labelled = std::numeric_limits<double>::infinity();
  for (const Chains* chains : fitted) show_reads(*chains, labelled, table, panel);
  if (!fitted.empty()) {
    double least = all.front().points.front().x;
    for (const Chains& chains : all) least = std::min(least, chains.points.front().x);
    show_little(*fitted.front(), least, panel);
  }
  for (const Chains& chains : all) {
    if (chains.fit != nullptr) show_saturation(chains, panel);
    Curve curve = legend_entry(name_with_fit(chains), chains.style.colour, Line::none,
                               chains.style.marker, chains.style.hollow);
    curve.points = chains.points;
    panel.curves.push_back(std::move(curve));
  }
  return panel;
}

void add_saturation_legend(Panel& panel) {
  panel.curves.push_back(
      legend_entry("fitted B(n) of the same threads", Colour::grey, Line::solid));
  panel.curves.push_back(legend_entry("loads in flight that saturate", Colour::grey, Line::none,
                                      Marker::diamond, true));
  panel.curves.push_back(
      legend_entry("read in order by the same threads", Colour::grey, Line::dotted));
  panel.curves.push_back(legend_entry("independent reads at random", Colour::grey, Line::dashed));
}

io::Table table_of_knees(const io::Json& fits) {
  io::Table table({{"space", "space", io::Align::left},
                   {"threads", "threads"},
                   {"latency of a load", "latency_seconds"},
                   {"bandwidth", "bytes_per_second"},
                   {"loads that saturate", "loads_in_flight"},
                   {"sharpness", "sharpness"},
                   {"latency for Little's law", "little_latency_seconds"},
                   {"independent reads", "independent_bytes_per_second"},
                   {"loads by Little's law", "independent_loads_in_flight"},
                   {"measured / Little's law", "measured_over_independent"},
                   {"read in order", "streaming_bytes_per_second"},
                   {"loads by Little's law", "streaming_loads_in_flight"},
                   {"measured / Little's law", "measured_over_streaming"}});
  for (const io::Json& fit : fits) {
    const io::Json& little = fit.at("little");
    const double threads = number_of(fit, "threads");
    std::vector<io::Cell> cells = {
        fit.at("space").get<std::string>(),
        std::isfinite(threads) ? count_cell(threads) : io::Cell("all"),
        estimate_cell(estimate_of(fit, "latency_seconds"), io::show_seconds),
        estimate_cell(estimate_of(fit, "bytes_per_second"), show_rate),
        estimate_cell(estimate_of(fit, "loads_in_flight"), show_number),
        number_cell(number_of(fit, "sharpness")),
        seconds_cell(number_of(little, "latency_seconds"))};
    for (const std::string key : {"independent", "streaming"}) {
      const double rate = number_of(little, key + "_bytes_per_second");
      cells.push_back(std::isfinite(rate) ? io::Cell::shown_as(rate, show_rate(rate)) : io::Cell());
      cells.push_back(number_cell(number_of(little, key + "_loads_in_flight")));
      cells.push_back(number_cell(number_of(little, "measured_over_" + key)));
    }
    table.add_row(std::move(cells));
  }
  return table;
}

}  // namespace

void add_concurrency(const ResultFile& file, Block& block) {
  Picture picture =
      study_picture(file, "", "Bandwidth of random loads as a function of the loads in flight");
  picture.panel_height = 400;
  picture.table = io::Table({{"space", "space", io::Align::left},
                             {"threads", "threads"},
                             {"what", "what", io::Align::left},
                             {"in flight per thread", "loads_in_flight_per_thread"},
                             {"loads in flight", "loads_in_flight"},
                             {"GB/s", "gbytes_per_second"}});
  std::vector<std::vector<Chains>> by_space;
  for (Chains& chains : chains_of(file.json, picture.table)) {
    if (by_space.empty() || by_space.back().front().style.space != chains.style.space) {
      by_space.emplace_back();
    }
    by_space.back().push_back(std::move(chains));
  }
  for (const std::vector<Chains>& all : by_space) {
    picture.panels.push_back(panel_of(all, picture.table));
  }
  picture.columns = picture.panels.size();
  if (!picture.panels.empty()) {
    add_saturation_legend(picture.panels.back());
    block.pictures.push_back(std::move(picture));
  }
  if (const io::Json& fits = part_of(file.json.at("fit"), "saturation"); !fits.empty()) {
    block.tables.push_back({"Fit of B(n), and Little's law", table_of_knees(fits)});
  }
}

}  // namespace ridgeline::report
