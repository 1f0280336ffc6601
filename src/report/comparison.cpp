#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "model/comparison.hpp"
#include "report/sections.hpp"
#include "report/styles.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

// Rows of the picture; the table has all.
constexpr std::size_t kMostRows = 30;

struct Ratio {
  std::string name, unit, differs;
  double before, after, ratio, low, high;
};

std::vector<Ratio> ratios_of(const Json& records) {
  std::vector<Ratio> ratios;
  for (const Json& record : records) {
    Ratio ratio;
    ratio.name = record.at("name").get<std::string>();
    ratio.unit = text_of(record, "unit");
    ratio.before = record.at("before").get<double>();
    ratio.after = record.at("after").get<double>();
    ratio.ratio = record.at("ratio").get<double>();
    const Json& interval = record.at("interval");
    ratio.low = interval.is_array() ? interval.at(0).get<double>() : std::nan("");
    ratio.high = interval.is_array() ? interval.at(1).get<double>() : std::nan("");
    const Json& differs = record.at("differs");
    ratio.differs = model::verdict_of(
        differs.is_boolean() ? std::optional(differs.get<bool>()) : std::nullopt, ratio.ratio);
    ratios.push_back(std::move(ratio));
  }
  // Differences first, by size.
  const auto size = [](const Ratio& ratio) {
    const bool differs = ratio.differs == model::kSlower || ratio.differs == model::kFaster;
    return differs ? std::abs(std::log(ratio.ratio)) : 0;
  };
  std::stable_sort(ratios.begin(), ratios.end(),
                   [&](const Ratio& a, const Ratio& b) { return size(a) > size(b); });
  return ratios;
}

Picture compared_picture(const ResultFile& file, const std::vector<Ratio>& ratios) {
  Picture picture;
  picture.name = name_of("comparison-" + file.path.substr(file.path.find_last_of('/') + 1));
  picture.title = ratios.size() > kMostRows ? fmt::format("After / before: the {} largest of {}",
                                                          kMostRows, ratios.size())
                                            : "After / before";
  picture.source = source_of(file) + "; above 1 is slower";
  picture.table = io::Table({{"what", "what", io::Align::left},
                             {"before", "before"},
                             {"after", "after"},
                             {"unit", "unit", io::Align::left},
                             {"ratio", "ratio"},
                             {"interval", "interval"},
                             {"differs", "differs", io::Align::left}});
  Panel panel;
  panel.horizontal = true;
  panel.y.label = "quantity";
  panel.x = {"after / before (ratio)"};
  Curve one{"no change", Colour::ink};
  for (const auto& [differs, colour] :
       {std::pair(model::kSlower, Colour::red), std::pair(model::kFaster, Colour::green),
        std::pair(model::kSame, Colour::grey), std::pair(model::kUnknown, Colour::orange)}) {
    const std::string kind = differs;
    Curve curve{kind == model::kSame      ? "not known to differ"
                : kind == model::kUnknown ? "cannot be judged"
                                          : kind,
                colour, Line::none, kind == model::kSlower ? Marker::square : Marker::circle,
                kind == model::kSame};
    for (std::size_t i = 0; i < std::min(kMostRows, ratios.size()); ++i) {
      if (ratios[i].differs != kind) continue;
      const auto place = static_cast<double>(i);
      curve.points.push_back({ratios[i].ratio, place, i});
      if (std::isfinite(ratios[i].low)) {
        Curve interval{"", colour, Line::solid};
        interval.points = {{ratios[i].low, place}, {ratios[i].high, place}};
        panel.curves.push_back(interval);
      }
    }
    if (!curve.points.empty()) panel.curves.push_back(curve);
  }
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    const Ratio& ratio = ratios[i];
    if (i < kMostRows) panel.y.categories.push_back(ratio.name);
    picture.table.add_row(
        {ratio.name, io::Cell(ratio.before, "{:.4g}"), io::Cell(ratio.after, "{:.4g}"), ratio.unit,
         io::Cell(ratio.ratio, "{:.3f}"),
         std::isfinite(ratio.low) ? io::Cell(fmt::format("{:.3f} to {:.3f}", ratio.low, ratio.high))
                                  : io::Cell(),
         ratio.differs});
  }
  one.points = {{1, -0.6}, {1, static_cast<double>(panel.y.categories.size()) - 0.4}};
  panel.curves.insert(panel.curves.begin(), one);
  picture.panel_height = height_of_names(panel.y.categories.size());
  picture.panels.push_back(std::move(panel));
  return picture;
}

}  // namespace

Block comparison_block(const ResultFile& file) {
  const Json& json = file.json;
  Block block = block_of(file);
  block.title = fmt::format("{} against {}", text_of(json.at("after"), "path"),
                            text_of(json.at("before"), "path"));
  block.sentences = texts_of(json, "findings");
  const std::vector<Ratio> ratios = ratios_of(json.at("records"));
  if (!ratios.empty()) block.pictures.push_back(compared_picture(file, ratios));
  return block;
}

}  // namespace ridgeline::report
