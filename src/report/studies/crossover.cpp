#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/units.hpp"
#include "machine/probe.hpp"
#include "report/studies/studies.hpp"

namespace ridgeline::report {
namespace {

// How the second space is compared, and how that is drawn.
struct Mode {
  std::string key, name;
  Colour colour;
  Line line;
};

// What a study compares.
struct Comparison {
  std::string first, second;
  bool measured = true;     // on the second space too
  std::vector<Mode> modes;  // the principal one first
};

bool has_mode(const io::Json& points, const std::string& key) {
  return std::any_of(points.begin(), points.end(),
                     [&](const io::Json& point) { return point.contains(key); });
}

Comparison comparison_of(const io::Json& study) {
  const io::Json& settings = study.at("settings");
  const io::Json& measured = part_of(settings, "second_is_measured");
  Comparison comparison;
  comparison.first = settings.at("first");
  comparison.second = text_of(settings, "second_model");
  if (comparison.second.empty()) comparison.second = settings.at("second");
  comparison.measured = !measured.is_boolean() || measured.get<bool>();
  const std::vector<Mode> of_measured = {
      {"eager", "launch by launch", Colour::blue, Line::solid},
      {"with_transfers", "with transfers", Colour::red, Line::dash_dotted},
      {"graph", "as a graph", Colour::green, Line::dotted}};
  const std::vector<Mode> of_expected = {
      {"expected", "expected, not measured", Colour::blue, Line::dashed},
      {"expected_with_transfers", "expected with transfers, not measured", Colour::red,
       Line::dash_dotted},
      {"eager", "at best (ceilings alone), not measured", Colour::grey, Line::dotted}};
  for (const Mode& mode : comparison.measured ? of_measured : of_expected) {
    if (has_mode(study.at("points"), mode.key)) comparison.modes.push_back(mode);
  }
  return comparison;
}

bool is_deck_pass(const std::string& pass) {
  return pass == "inference" || pass == "training step";
}

// A measured size with its row.
struct MeasuredSize {
  const io::Json* point;
  std::size_t row;
};

// The sizes of a layer or a deck in one pass; one quantity grows.
struct SizeCurve {
  std::string pass, grows;
  std::vector<MeasuredSize> sizes;
};

// A layer or a deck, with its curves in the order of the file.
struct Subject {
  std::string what;
  std::vector<SizeCurve> curves;
};

double ratio_of(const io::Json& point, const std::string& mode) {
  return number_of(part_of(point, mode), "ratio");
}

// Returns the median seconds on the second space, or what is known of them.
double second_seconds(const io::Json& of_mode) {
  const double measured = number_of(part_of(of_mode, "second_seconds"), "median");
  if (std::isfinite(measured)) return measured;
  const double at_best = number_of(of_mode, "second_ceiling_seconds");
  return std::isfinite(at_best) ? at_best : number_of(of_mode, "second_expected_seconds");
}

io::Table empty_table(const Comparison& comparison) {
  std::vector<io::Column> columns = {{"layer or deck", "what", io::Align::left},
                                     {"pass", "pass", io::Align::left},
                                     {"grows", "grows", io::Align::left},
                                     {"width", "width"},
                                     {"batch", "batch"},
                                     {"bytes accessed", "working_set_bytes"},
                                     {"time on " + comparison.first, "first_seconds"}};
  for (const Mode& mode : comparison.modes) {
    columns.push_back({comparison.measured ? comparison.second + ", " + mode.name : mode.name,
                       mode.key + "_second_seconds"});
    columns.push_back({"ratio", mode.key + "_ratio"});
  }
  return io::Table(std::move(columns));
}

std::vector<io::Cell> row_of(const io::Json& point, const Comparison& comparison) {
  std::vector<io::Cell> cells = {
      point.at("what").get<std::string>(),  point.at("pass").get<std::string>(),
      point.at("grows").get<std::string>(), count_cell(number_of(point, "width")),
      count_cell(point.at("batch")),        bytes_cell(point.at("working_set_bytes"))};
  double first = std::nan("");
  for (const Mode& mode : comparison.modes) {
    const double median = number_of(part_of(part_of(point, mode.key), "first_seconds"), "median");
    if (!std::isfinite(first)) first = median;
  }
  cells.push_back(seconds_cell(first));
  for (const Mode& mode : comparison.modes) {
    cells.push_back(seconds_cell(second_seconds(part_of(point, mode.key))));
    cells.push_back(number_cell(ratio_of(point, mode.key)));
  }
  return cells;
}

// Returns all layers or all decks, with their rows in the table.
std::vector<Subject> subjects_of(const io::Json& study, bool decks, const Comparison& comparison,
                                 io::Table& table) {
  std::vector<Subject> subjects;
  const auto groups = grouped(study.at("points"), [](const io::Json& point) {
    return std::pair(
        point.at("what").get<std::string>(),
        std::pair(point.at("pass").get<std::string>(), point.at("grows").get<std::string>()));
  });
  for (const auto& [key, points] : groups) {
    const auto& [what, pass_and_grows] = key;
    const auto& [pass, grows] = pass_and_grows;
    if (is_deck_pass(pass) != decks) continue;
    auto subject =
        std::find_if(subjects.begin(), subjects.end(),
                     [&, name = what](const Subject& each) { return each.what == name; });
    if (subject == subjects.end()) subject = subjects.insert(subject, {what, {}});
    SizeCurve curve{pass, grows, {}};
    for (const io::Json* point : points) {
      curve.sizes.push_back({point, add_row(table, row_of(*point, comparison))});
    }
    subject->curves.push_back(std::move(curve));
  }
  return subjects;
}

// Draws pictures of the layers or of the decks.
class RatioPanels {
 public:
  RatioPanels(const io::Json& study, const Comparison& comparison, bool decks,
              const std::vector<Subject>& subjects)
      : study_(study), comparison_(comparison), decks_(decks) {
    Range sizes, ratios;
    ratios.add(1);
    for (const Subject& subject : subjects) {
      for (const SizeCurve& curve : subject.curves) {
        for (const MeasuredSize& size : curve.sizes) {
          sizes.add(x_of(*size.point));
          for (const Mode& mode : comparison.modes) ratios.add(ratio_of(*size.point, mode.key));
        }
      }
    }
    x_ = decks ? Axis{"batch", Scale::log2} : bytes_axis("bytes accessed");
    y_ = {comparison.measured ? "times as fast" : "expected ratio", Scale::log2, Ticks::ratio};
    set_limits(x_, sizes, 1.5, 1.5);
    // On so many octaves few ticks would fit.
    constexpr double kWide = 200;
    if (ratios.high > kWide * ratios.low) y_.scale = Scale::log10;
    set_limits(y_, ratios, 1.2, 1.2);
  }

  Panel panel_of(const Subject& subject) const {
    Panel panel;
    panel.x = x_;
    panel.y = y_;
    panel.title = subject.what;
    const std::string& first_pass = subject.curves.front().pass;
    const std::string note = crossings_of(subject.what, first_pass);
    if (!note.empty()) panel.title += ": " + note;
    Curve equal = plain_curve(Colour::ink, Line::solid);
    equal.width = 1;
    equal.points = {{x_.from.value_or(1), 1}, {x_.to.value_or(1), 1}};
    panel.curves.push_back(std::move(equal));
    // The principal mode is drawn last, above the others.
    for (auto mode = comparison_.modes.rbegin(); mode != comparison_.modes.rend(); ++mode) {
      const bool principal = mode->key == comparison_.modes.front().key;
      for (const SizeCurve& curve : subject.curves) {
        const bool is_first = curve.pass == first_pass;
        // A layer has up to twelve curves, which cannot be distinguished.
        if (!principal && !is_first && !decks_) continue;
        add_curve(curve, *mode, is_first, principal || decks_, panel);
      }
    }
    mark_crossings(subject, panel);
    return panel;
  }

  // Adds the entries of the legend.
  void add_legend(const std::vector<Subject>& subjects, Panel& panel) const {
    for (const Mode& mode : comparison_.modes) {
      panel.curves.push_back(legend_entry(mode.name, mode.colour, mode.line));
    }
    std::vector<std::string> passes, growths;
    const auto add = [](const std::string& name, std::vector<std::string>& names) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    };
    for (const Subject& subject : subjects) {
      for (const SizeCurve& curve : subject.curves) {
        add(curve.pass, passes);
        if (!decks_) add(curve.grows, growths);
      }
    }
    for (const std::string& pass : passes) {
      const bool is_first = pass == passes.front();
      panel.curves.push_back(legend_entry(pass, Colour::grey,
                                          line_of(comparison_.modes.front(), is_first),
                                          Marker::circle, !is_first));
    }
    for (const std::string& grows : growths) {
      panel.curves.push_back(
          legend_entry("growing " + grows, Colour::grey, Line::none, marker_of(grows)));
    }
    panel.curves.push_back(
        legend_entry("faster from this size on", Colour::ink, Line::none, Marker::diamond, true));
  }

 private:
  double x_of(const io::Json& point) const {
    return point.at(decks_ ? "batch" : "working_set_bytes");
  }
  static Marker marker_of(const std::string& grows) {
    return grows == "width" ? Marker::circle : Marker::square;
  }
  // Only what was measured is solid.
  static Line line_of(const Mode& mode, bool is_first) {
    return mode.line == Line::solid && !is_first ? Line::dashed : mode.line;
  }

  void add_curve(const SizeCurve& curve, const Mode& mode, bool is_first, bool marked,
                 Panel& panel) const {
    Curve drawn = plain_curve(mode.colour, line_of(mode, is_first),
                              !marked  ? Marker::none
                              : decks_ ? Marker::circle
                                       : marker_of(curve.grows),
                              !is_first);
    drawn.width = 1.2;
    for (const MeasuredSize& size : curve.sizes) {
      const double ratio = ratio_of(*size.point, mode.key);
      if (std::isfinite(ratio)) drawn.points.push_back({x_of(*size.point), ratio, size.row, 0.6});
    }
    sort_by_x(drawn);
    panel.curves.push_back(std::move(drawn));
  }

  // Calls `use(crossing)` for each in the principal mode.
  template <class Use>
  void for_crossings(const std::string& what, const std::string& pass, const Use& use) const {
    for (const io::Json& crossing : part_of(study_.at("fit"), "crossovers")) {
      if (crossing.at("what") == what && crossing.at("pass") == pass &&
          !comparison_.modes.empty() && crossing.at("way") == comparison_.modes.front().key) {
        use(crossing);
      }
    }
  }

  // Returns the sizes from which on the second space is faster: "width ≥ 64, any batch".
  std::string crossings_of(const std::string& what, const std::string& pass) const {
    std::string list;
    for_crossings(what, pass, [&](const io::Json& crossing) {
      const std::string grows = crossing.at("grows"), kind = text_of(crossing.at("size"), "kind");
      const std::string size = shown_value(estimate_of(crossing, "size"),
                                           [](double value) { return fmt::format("{:g}", value); });
      list += list.empty() ? "" : ", ";
      if (kind == "always" && !size.empty()) {
        list += "any " + grows;
      } else if (kind == "never" || size.empty()) {
        list += "no " + grows;
      } else {
        const bool bounds = size.find(' ') != std::string::npos;
        list += grows + (bounds ? " from " : " ≥ ") + size;
      }
    });
    return list;
  }

  void mark_crossings(const Subject& subject, Panel& panel) const {
    Curve markers = plain_curve(Colour::ink, Line::none, Marker::diamond, true);
    const std::string& pass = subject.curves.front().pass;
    for_crossings(subject.what, pass, [&](const io::Json& crossing) {
      const double from = estimate_of(crossing, "size").value;
      if (text_of(crossing.at("size"), "kind") != "from") return;
      const std::string grows = crossing.at("grows");
      for (const SizeCurve& curve : subject.curves) {
        if (curve.pass != pass || curve.grows != grows) continue;
        for (const MeasuredSize& size : curve.sizes) {
          if (number_of(*size.point, grows) != from) continue;
          const double ratio = ratio_of(*size.point, comparison_.modes.front().key);
          markers.points.push_back({x_of(*size.point), ratio, size.row, 1.8});
        }
      }
    });
    if (!markers.points.empty()) panel.curves.push_back(std::move(markers));
  }

  const io::Json& study_;
  const Comparison& comparison_;
  bool decks_;
  Axis x_, y_;
};

Picture ratio_picture(const ResultFile& file, const Comparison& comparison, bool decks) {
  const std::string of = decks ? "decks" : "layers";
  Picture picture = study_picture(
      file, of,
      fmt::format("{}, {}{} against {}: times as fast, and from which size on it is faster",
                  decks ? "Decks" : "Layers", comparison.second,
                  comparison.measured ? "" : " (expected, not measured)", comparison.first));
  picture.columns = 3;
  picture.panel_height = 230;
  picture.table = empty_table(comparison);
  const std::vector<Subject> subjects = subjects_of(file.json, decks, comparison, picture.table);
  const RatioPanels panels(file.json, comparison, decks, subjects);
  for (const Subject& subject : subjects) picture.panels.push_back(panels.panel_of(subject));
  if (!picture.panels.empty()) panels.add_legend(subjects, picture.panels.front());
  return picture;
}

std::string show_size(double size) { return fmt::format("{:g}", size); }

// Returns the name of a fit's mode.
std::string name_of_mode(const std::string& key, const Comparison& comparison) {
  const auto found = std::find_if(comparison.modes.begin(), comparison.modes.end(),
                                  [&](const Mode& mode) { return mode.key == key; });
  if (found != comparison.modes.end()) return found->name;
  return key == "with_transfers" && !comparison.measured ? "at best with transfers, not measured"
                                                         : key;
}

io::Table table_of_crossovers(const io::Json& crossovers, const Comparison& comparison) {
  io::Table table({{"layer or deck", "what", io::Align::left},
                   {"pass", "pass", io::Align::left},
                   {"mode", "way", io::Align::left},
                   {"grows", "grows", io::Align::left},
                   {"faster", "kind", io::Align::left},
                   {"from size", "size"}});
  for (const io::Json& each : crossovers) {
    table.add_row({each.at("what").get<std::string>(), each.at("pass").get<std::string>(),
                   name_of_mode(each.at("way"), comparison), each.at("grows").get<std::string>(),
                   text_of(each.at("size"), "kind"),
                   estimate_cell(estimate_of(each, "size"), show_size)});
  }
  return table;
}

io::Table table_of_advantage(const io::Json& advantages) {
  io::Table table({{"layer or deck", "what", io::Align::left},
                   {"pass", "pass", io::Align::left},
                   {"ratio per doubling of bytes", "per_doubling_of_bytes"},
                   {"equal at", "break_even_bytes"},
                   {"deviation (log2)", "deviation_log2"}});
  for (const io::Json& each : advantages) {
    table.add_row({each.at("what").get<std::string>(), each.at("pass").get<std::string>(),
                   estimate_cell(estimate_of(each, "per_doubling_of_bytes"), show_number),
                   estimate_cell(estimate_of(each, "break_even_bytes"), machine::readable_bytes),
                   number_cell(number_of(each, "deviation_log2"))});
  }
  return table;
}

}  // namespace

void add_crossover(const ResultFile& file, Block& block) {
  const Comparison comparison = comparison_of(file.json);
  for (const bool decks : {false, true}) {
    Picture picture = ratio_picture(file, comparison, decks);
    if (!picture.panels.empty()) block.pictures.push_back(std::move(picture));
  }
  const io::Json& fit = file.json.at("fit");
  if (const io::Json& crossovers = part_of(fit, "crossovers"); !crossovers.empty()) {
    block.tables.push_back({"Sizes from which on " + comparison.second + " is faster",
                            table_of_crossovers(crossovers, comparison)});
  }
  if (const io::Json& advantages = part_of(fit, "advantage"); !advantages.empty()) {
    block.tables.push_back(
        {"Growth of the advantage with the bytes accessed", table_of_advantage(advantages)});
  }
}

}  // namespace ridgeline::report
