#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "core/seconds.hpp"
#include "io/units.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

const char* const kDeckPhase = "training step";
constexpr int kFitPoints = 24;

// Seconds of each turn, by number of threads.
using Turns = std::map<double, std::vector<double>>;

// Times of whole layers and decks: a deck's own layers would be a hundred curves.
class Times {
 public:
  explicit Times(const io::Json& points) {
    for (const io::Json& point : points) {
      if (point.at("layer") != "") continue;
      turns_[{point.at("what"), point.at("phase"), point.at("scaling")}][point.at("threads")]
          .push_back(point.at("seconds"));
    }
  }
  // Returns the times of a curve; empty if it was not measured.
  Turns of(const io::Json& curve, const std::string& scaling) const {
    const auto found = turns_.find({curve.at("what"), curve.at("phase"), scaling});
    return found == turns_.end() ? Turns{} : found->second;
  }

 private:
  std::map<std::tuple<std::string, std::string, std::string>, Turns> turns_;
};

// Returns the median over the turns; NaN if there are none.
double median_at(const Turns& turns, double threads) {
  const auto found = turns.find(threads);
  return found == turns.end() ? std::nan("") : median_of(found->second);
}

bool is_deck(const io::Json& curve) { return curve.at("phase") == kDeckPhase; }

std::vector<const io::Json*> curves_of(const io::Json& study) {
  std::vector<const io::Json*> curves;
  for (const io::Json& curve : part_of(study.at("fit"), "curves")) {
    if (curve.at("layer") == "") curves.push_back(&curve);
  }
  return curves;
}

// Returns the range over the turns of the efficiency with all threads.
Range efficiency_range(const Turns& strong, double threads) {
  Range range;
  const auto one = strong.find(1), all = strong.find(threads);
  if (one == strong.end() || all == strong.end()) return range;
  for (std::size_t i = 0; i < std::min(one->second.size(), all->second.size()); ++i) {
    range.add(100 * one->second[i] / all->second[i] / threads);
  }
  return range;
}

io::Cell percent_cell(double percent) {
  return std::isfinite(percent) ? io::Cell(percent, "{:.0f} %") : io::Cell();
}

// Returns the part of a deck that gains least from threads; nullptr if it is not known.
const io::Json* first_to_stop(const io::Json& study, const io::Json& curve) {
  if (!is_deck(curve)) return nullptr;
  for (const io::Json& each : part_of(study.at("fit"), "first_to_stop")) {
    if (each.at("deck") == curve.at("what")) return &each;
  }
  return nullptr;
}

// Horizontal bars of efficiencies: for one or two numbers of threads, which make no curve.
class EfficiencyPanel {
 public:
  explicit EfficiencyPanel(const io::Json& study) : study_(study), times_(study.at("points")) {
    layers_.name = "layer, forward and backward";
    layers_.colour = Colour::sky;
    decks_.name = "deck, training step";
    decks_.colour = Colour::orange;
    layers_.thickness = decks_.thickness = 0.7;
    weak_.name = "weak scaling: the batch grows with the threads";
    stops_.name = "part of the deck that gains least";
  }

  void add(const io::Json& curve, io::Table& table) {
    const double place = static_cast<double>(names_.size());
    const double threads = curve.at("threads"), efficiency = curve.at("efficiency");
    threads_ = threads;
    const double weak = 100 * number_of(curve, "weak_efficiency");
    const Range turns = efficiency_range(times_.of(curve, "strong"), threads);
    const io::Json* const stop = first_to_stop(study_, curve);
    const std::string part =
        stop == nullptr ? ""
                        : fmt::format("{}, {}", text_of(*stop, "layer"), text_of(*stop, "phase"));
    const double of_part =
        stop == nullptr ? std::nan("") : 100 * number_of(*stop, "speedup") / threads;
    names_.push_back(curve.at("what"));
    std::vector<io::Cell> cells = {names_.back(), curve.at("phase").get<std::string>(),
                                   count_cell(threads), number_cell(number_of(curve, "speedup")),
                                   percent_cell(100 * efficiency)};
    cells.push_back(turns.empty()
                        ? io::Cell()
                        : io::Cell(fmt::format("{:.0f} to {:.0f} %", turns.low, turns.high)));
    cells.push_back(percent_cell(weak));
    cells.emplace_back(part);
    cells.push_back(percent_cell(of_part));
    const std::size_t row = add_row(table, std::move(cells));
    Point bar{place, 100 * efficiency, row};
    if (!turns.empty()) bar.low = turns.low, bar.high = turns.high;
    (is_deck(curve) ? decks_ : layers_).points.push_back(bar);
    weak_.points.push_back({weak, place, row, 1.5});
    if (stop == nullptr) return;
    stops_.points.push_back({of_part, place, row, 1.3});
    labels_.push_back({0, place, text_of(*stop, "layer"), Colour::ink, 0, 4, 0});
  }

  std::size_t bars() const { return names_.size(); }

  Panel finish() {
    Panel panel;
    panel.horizontal = true;
    const double last = static_cast<double>(names_.size()) - 0.4;
    panel.y.label = "layer or deck";
    panel.y.categories = names_;
    panel.x.label = fmt::format("efficiency with {} (%)", show_threads(threads_));
    panel.x.from = 0;
    for (Bars* bars : {&layers_, &decks_}) {
      if (!bars->points.empty()) panel.bars.push_back(*bars);
    }
    Curve ideal = plain_curve(Colour::ink, Line::solid);
    ideal.width = 1;
    ideal.points = {{100, -0.6}, {100, last}};
    panel.curves.push_back(std::move(ideal));
    panel.curves.push_back(legend_entry("thin line: from turn to turn", Colour::ink, Line::solid));
    panel.curves.back().width = 1;
    if (!stops_.points.empty()) panel.curves.push_back(stops_);
    panel.curves.push_back(weak_);
    panel.labels = labels_;
    return panel;
  }

 private:
  const io::Json& study_;
  Times times_;
  double threads_ = 0;
  std::vector<std::string> names_;
  Bars layers_, decks_;
  Curve weak_ = plain_curve(Colour::red, Line::none, Marker::diamond, true);
  Curve stops_ = plain_curve(Colour::ink, Line::none, Marker::cross);
  std::vector<Label> labels_;
};

void add_efficiencies(const ResultFile& file, Block& block) {
  Picture picture = study_picture(
      file, "", "Scaling with threads: efficiency, time on one thread / (threads × time on all)");
  picture.table = io::Table({{"layer or deck", "what", io::Align::left},
                             {"phase", "phase", io::Align::left},
                             {"threads", "threads"},
                             {"speedup", "speedup"},
                             {"efficiency", "efficiency_percent"},
                             {"from turn to turn", "efficiency_of_turns"},
                             {"weak", "weak_efficiency_percent"},
                             {"part that gains least", "first_to_stop", io::Align::left},
                             {"its efficiency", "first_to_stop_percent"}});
  EfficiencyPanel panel(file.json);
  for (const io::Json* curve : curves_of(file.json)) panel.add(*curve, picture.table);
  if (panel.bars() == 0) return;
  picture.panel_height = height_of_names(panel.bars());
  picture.panels.push_back(panel.finish());
  block.pictures.push_back(std::move(picture));
}

// Adds the measured speedups of one scaling.
void show_speedups(const io::Json& curve, const Turns& turns, bool weak, io::Table& table,
                   Panel& panel) {
  Curve points = weak ? legend_entry("weak: the batch grows with the threads", Colour::red,
                                     Line::none, Marker::diamond, true)
                      : legend_entry("strong: one batch", Colour::blue, Line::none, Marker::circle);
  const double one = median_at(turns, 1);
  for (const auto& [threads, seconds] : turns) {
    const double median = median_of(seconds);
    const double speedup = (weak ? threads : 1) * one / median;
    if (!std::isfinite(speedup)) continue;
    const std::size_t row =
        add_row(table, {curve.at("what").get<std::string>(), curve.at("phase").get<std::string>(),
                        weak ? "weak" : "strong", count_cell(threads), seconds_cell(median),
                        number_cell(speedup), percent_cell(100 * speedup / threads)});
    points.points.push_back({threads, speedup, row, weak ? 1.6 : 1});
  }
  panel.curves.push_back(std::move(points));
}

// Adds the speedup that Amdahl's law fits.
void show_amdahl(double serial, double most, Panel& panel) {
  Curve law = legend_entry("Amdahl's law, serial fraction s", Colour::blue, Line::solid);
  for (int i = 0; i < kFitPoints; ++i) {
    const double threads = std::pow(most, i / (kFitPoints - 1.0));
    law.points.push_back({threads, 1 / (serial + (1 - serial) / threads)});
  }
  panel.curves.push_back(std::move(law));
}

Panel speedup_panel(const io::Json& curve, const Times& times, const std::vector<double>& counts,
                    io::Table& table) {
  Panel panel;
  panel.title = curve.at("what");
  panel.x = {"threads", Scale::log2};
  panel.y = {"times as fast", Scale::log2, Ticks::ratio};
  const double most = counts.back();
  Curve ideal = legend_entry("ideal", Colour::grey, Line::dash_dotted);
  ideal.width = 1;
  ideal.points = {{1, 1}, {most, most}};
  panel.curves.push_back(std::move(ideal));
  const double serial = estimate_of(curve, "serial_fraction").value;
  if (std::isfinite(serial)) {
    panel.title += fmt::format(": s = {:.3f}", serial);
    show_amdahl(serial, most, panel);
  }
  show_speedups(curve, times.of(curve, "weak"), true, table, panel);
  show_speedups(curve, times.of(curve, "strong"), false, table, panel);
  return panel;
}

void add_speedups(const ResultFile& file, const std::vector<double>& counts, Block& block) {
  const Times times(file.json.at("points"));
  for (const bool decks : {false, true}) {
    Picture picture =
        study_picture(file, decks ? "decks" : "layers",
                      fmt::format("Scaling with threads: how many times as fast as one thread, {}",
                                  decks ? "training step of each deck" : "each kind of layer"));
    picture.columns = 3;
    picture.panel_height = 210;
    picture.table = io::Table({{"layer or deck", "what", io::Align::left},
                               {"phase", "phase", io::Align::left},
                               {"scaling", "scaling", io::Align::left},
                               {"threads", "threads"},
                               {"time (median of the turns)", "seconds"},
                               {"times as fast", "speedup"},
                               {"efficiency", "efficiency_percent"}});
    Range speedups;
    for (const io::Json* curve : curves_of(file.json)) {
      if (is_deck(*curve) != decks) continue;
      picture.panels.push_back(speedup_panel(*curve, times, counts, picture.table));
      for (const Curve& each : picture.panels.back().curves) {
        for (const Point& point : each.points) speedups.add(point.y);
      }
    }
    for (Panel& panel : picture.panels) set_limits(panel.y, speedups, 1.2, 1.2);
    if (!picture.panels.empty()) block.pictures.push_back(std::move(picture));
  }
}

io::Table table_of_laws(const io::Json& study) {
  const auto show = [](double share) { return fmt::format("{:.3f}", share); };
  io::Table table({{"layer or deck", "what", io::Align::left},
                   {"phase", "phase", io::Align::left},
                   {"speedup", "speedup"},
                   {"strong", "efficiency_percent"},
                   {"weak", "weak_efficiency_percent"},
                   {"serial fraction s", "serial_fraction"},
                   {"contention", "contention"},
                   {"coherence", "coherence"},
                   {"fastest with threads", "most_useful_threads"}});
  for (const io::Json* curve : curves_of(study)) {
    table.add_row({curve->at("what").get<std::string>(), curve->at("phase").get<std::string>(),
                   number_cell(number_of(*curve, "speedup")),
                   percent_cell(100 * number_of(*curve, "efficiency")),
                   percent_cell(100 * number_of(*curve, "weak_efficiency")),
                   estimate_cell(estimate_of(*curve, "serial_fraction"), show),
                   estimate_cell(estimate_of(*curve, "contention"), show),
                   estimate_cell(estimate_of(*curve, "coherence"), show),
                   estimate_cell(estimate_of(*curve, "most_useful_threads"), show_number)});
  }
  return table;
}

io::Table table_of_first_to_stop(const io::Json& list) {
  io::Table table({{"deck", "deck", io::Align::left},
                   {"layer", "layer", io::Align::left},
                   {"phase", "phase", io::Align::left},
                   {"stops scaling at threads", "threads"},
                   {"speedup with all threads", "speedup"}});
  for (const io::Json& each : list) {
    const double threads = number_of(each, "threads");
    table.add_row({each.at("deck").get<std::string>(), text_of(each, "layer"),
                   text_of(each, "phase"),
                   std::isfinite(threads) ? count_cell(threads) : io::Cell("still scales"),
                   number_cell(number_of(each, "speedup"))});
  }
  return table;
}

}  // namespace

void add_scaling(const ResultFile& file, Block& block) {
  const std::vector<double> counts = file.json.at("settings").at("threads");
  if (counts.size() > 2) {
    add_speedups(file, counts, block);
  } else {
    add_efficiencies(file, block);
  }
  if (io::Table fits = table_of_laws(file.json); !fits.empty()) {
    block.tables.push_back(
        {"Fits of Amdahl's law and of the Universal Scalability Law", std::move(fits)});
  }
  if (const io::Json& stops = part_of(file.json.at("fit"), "first_to_stop"); !stops.empty()) {
    block.tables.push_back(
        {"Part of each deck that stops scaling first", table_of_first_to_stop(stops)});
  }
}

}  // namespace ridgeline::report
