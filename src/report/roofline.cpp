#include "report/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/units.hpp"
#include "model/ceilings.hpp"
#include "network/memory.hpp"
#include "report/cells.hpp"
#include "report/styles.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

std::string file_name_of(const RooflineResult& result, const std::string& kind, double batch) {
  std::string stem = deck_stem_of(*result.file);
  if (stem.empty()) stem = result.network.substr(result.network.find_last_of('/') + 1);
  return name_of(fmt::format("{}-{}-{}-{}-{}-batch-{:.0f}", kind, stem, result.phase,
                             result.precision, result.space, batch));
}

const std::vector<std::pair<std::string, Colour>> kBounds = {{"compute", Colour::green},
                                                             {"bandwidth", Colour::blue},
                                                             {"latency", Colour::purple},
                                                             {"overhead", Colour::orange},
                                                             {"", Colour::grey}};

Marker marker_of(const std::string& phase) {
  return phase == "forward"    ? Marker::circle
         : phase == "backward" ? Marker::square
                               : Marker::diamond;
}

// Returns the table behind pictures of one step: a row per layer and phase.
io::Table layer_table(const StepTimes& step) {
  io::Table table({{"layer", "layer", io::Align::left},
                   {"phase", "phase", io::Align::left},
                   {"time", "seconds"},
                   {"95 % interval", "interval"},
                   {"share", "share"},
                   {"FLOPs", "flops"},
                   {"bytes", "bytes"},
                   {"FLOP/B", "flops_per_byte"},
                   {"GFLOP/s", "gflops_per_second"},
                   {"bound", "bound", io::Align::left},
                   {"ceilings allow", "ceiling_seconds"},
                   {"explained", "explained_fraction"}});
  double sum = 0;
  for (const LayerTime& layer : step.layers) sum += layer.seconds;
  const auto add = [&](const LayerTime& layer, double share) {
    table.add_row(
        {layer.layer, layer.phase,
         io::Cell::shown_as(layer.seconds,
                            is_view(layer) ? io::show_seconds(layer.seconds) : time_text(layer)),
         std::isfinite(layer.low) ? io::Cell(fmt::format("{} to {}", io::show_seconds(layer.low),
                                                         io::show_seconds(layer.high)))
                                  : io::Cell(),
         io::Cell(100 * share, "{:.1f} %"),
         io::Cell::shown_as(layer.flops, io::show_flops(layer.flops)),
         io::Cell::shown_as(layer.bytes, io::show_bytes(layer.bytes)),
         positive_cell(layer.flops_per_byte, "{:.3g}"),
         positive_cell(layer.gflops_per_second, "{:.4g}"),
         is_view(layer) ? io::Cell() : io::Cell(layer.bound + (layer.above_roof ? " (!)" : "")),
         is_view(layer) ? io::Cell() : seconds_cell(layer.ceiling_seconds),
         is_view(layer) || !(layer.seconds > 0) || !std::isfinite(layer.explained_seconds)
             ? io::Cell()
             : io::Cell(100 * model::explained_fraction(layer.explained_seconds, layer.seconds),
                        "{:.0f} %")});
  };
  for (const LayerTime& layer : step.layers) add(layer, sum > 0 ? layer.seconds / sum : 0);
  add(step.total, 1);
  return table;
}

// Adds the roofs: a line for each level up to its ridge, the peak, and other precisions' peaks.
void add_roofs(const RooflineResult& result, double least, double most, Panel& panel,
               io::Table& table, std::size_t& row) {
  const std::vector<model::LevelCeiling>& levels = result.ceilings.levels;
  constexpr Line kLines[] = {Line::solid, Line::dashed, Line::dotted, Line::dash_dotted};
  const double peak = result.peak_gflops;
  double first_ridge = levels.empty() ? least : most;
  Curve ridges{"ridge points", Colour::ink, Line::none, Marker::diamond, true};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const double rate = levels[i].gbytes_per_second;
    const double ridge = std::isfinite(peak) ? peak / rate : most;
    first_ridge = std::min(first_ridge, ridge);
    Curve roof{fmt::format("{} {:.4g} GB/s", levels[i].level, rate), Colour::ink,
               kLines[std::min<std::size_t>(i, 3)]};
    roof.width = i + 1 == levels.size() ? 2 : 1.3;
    roof.points = {{least, least * rate}, {std::min(ridge, most), std::min(ridge, most) * rate}};
    panel.curves.push_back(roof);
    if (!std::isfinite(peak)) continue;
    ridges.points.push_back({ridge, peak, row++});
    panel.labels.push_back({ridge, peak, levels[i].level, Colour::ink, 0.5, 0, 15});
    table.add_row({"ridge point of " + levels[i].level, "", "", "", "", "", "",
                   io::Cell(ridge, "{:.3g}"), io::Cell(peak, "{:.4g}"), ""});
  }
  if (!std::isfinite(peak)) return;
  Curve roof{fmt::format("{} peak {:.0f} GFLOP/s", result.precision, peak), Colour::red};
  roof.width = 2;
  roof.points = {{first_ridge, peak}, {most, peak}};
  panel.curves.push_back(roof);
  for (const auto& [precision, rate] : result.ceilings.peaks) {
    if (precision == result.precision) continue;
    Curve other{fmt::format("{} peak {:.0f} GFLOP/s", precision, rate), Colour::grey, Line::dotted};
    other.points = {{first_ridge, rate}, {most, rate}};
    panel.curves.push_back(other);
  }
  if (!ridges.points.empty()) panel.curves.push_back(ridges);
}

// Adds the layers: colours by bound, markers by phase, areas by share of the time.
void add_layers(const StepTimes& step, Panel& panel) {
  double sum = 0;
  for (const LayerTime& layer : step.layers) sum += layer.seconds;
  std::vector<std::pair<double, std::size_t>> largest;
  for (const auto& [bound, colour] : kBounds) {
    for (const char* phase : {"forward", "backward", "update"}) {
      Curve curve{fmt::format("{}, {}", phase, bound.empty() ? "bound unknown" : bound), colour,
                  Line::none, marker_of(phase)};
      for (std::size_t i = 0; i < step.layers.size(); ++i) {
        const LayerTime& layer = step.layers[i];
        if (layer.bound != bound || layer.phase != phase) continue;
        if (!(layer.flops_per_byte > 0) || !(layer.gflops_per_second > 0)) continue;
        const double share = sum > 0 ? layer.seconds / sum : 0;
        curve.points.push_back(
            {layer.flops_per_byte, layer.gflops_per_second, i, std::max(1.0, 60 * share)});
        largest.emplace_back(share, i);
      }
      if (!curve.points.empty()) panel.curves.push_back(curve);
    }
  }
  std::sort(largest.rbegin(), largest.rend());
  for (std::size_t i = 0; i < std::min<std::size_t>(3, largest.size()); ++i) {
    const LayerTime& layer = step.layers[largest[i].second];
    panel.labels.push_back({layer.flops_per_byte, layer.gflops_per_second,
                            layer.layer + " " + layer.phase, Colour::ink, 1, -14, -14});
  }
}

Picture roofline_picture(const RooflineResult& result, const StepTimes& step) {
  Picture picture;
  picture.name = file_name_of(result, "roofline", step.batch);
  picture.title = fmt::format("Roofline: {}, batch {:.0f}", title_of(result), step.batch);
  picture.source = source_of(*result.file) + "; area of a point: share of the time";
  picture.table = layer_table(step);
  picture.panel_height = 430;
  Panel panel;
  panel.x = {"arithmetic intensity (FLOP/B)", Scale::log10};
  panel.y = {"arithmetic (GFLOP/s)", Scale::log10};
  double least = 0.1, most = 10;
  for (const LayerTime& layer : step.layers) {
    if (!(layer.flops_per_byte > 0)) continue;
    least = std::min(least, layer.flops_per_byte / 2);
    most = std::max(most, layer.flops_per_byte * 2);
  }
  if (!result.ceilings.levels.empty() && std::isfinite(result.peak_gflops)) {
    most = std::max(most, 4 * result.peak_gflops / result.ceilings.levels.back().gbytes_per_second);
  }
  // Room for the names of the ridge points.
  if (std::isfinite(result.peak_gflops)) panel.y.to = 2 * result.peak_gflops;
  for (const auto& [precision, rate] : result.ceilings.peaks) {
    if (panel.y.to) panel.y.to = std::max(*panel.y.to, 1.2 * rate);
  }
  std::size_t row = step.layers.size() + 1;
  add_roofs(result, least, most, panel, picture.table, row);
  add_layers(step, panel);
  picture.panels.push_back(std::move(panel));
  return picture;
}

Picture time_picture(const RooflineResult& result, const StepTimes& step) {
  Picture picture;
  picture.name = file_name_of(result, "time", step.batch);
  picture.title = fmt::format("Time per layer: {}, batch {:.0f}", title_of(result), step.batch);
  picture.source = source_of(*result.file) + "; thin lines: 95 % intervals";
  picture.table = layer_table(step);
  const std::vector<std::string> names = layers_in(step);
  Panel panel;
  panel.horizontal = true;
  panel.y.categories = names;
  panel.y.label = "layer";
  panel.x = {"time per step (µs)"};
  const bool training = result.phase != "infer";
  const double thickness = training ? 0.38 : 0.7;
  Bars forward{"forward", Colour::blue, thickness, training ? -0.2 : 0};
  Bars backward{"backward, update", Colour::orange, thickness, 0.2};
  Curve allowed{"the shortest that the ceilings allow", Colour::ink, Line::none, Marker::diamond,
                true};
  for (std::size_t i = 0; i < step.layers.size(); ++i) {
    const LayerTime& layer = step.layers[i];
    const auto found = std::find(names.begin(), names.end(), layer.layer);
    if (is_view(layer) || found == names.end()) continue;
    const auto place = static_cast<double>(found - names.begin());
    Bars& bars = layer.phase == "forward" ? forward : backward;
    bars.points.push_back({place, 1e6 * layer.seconds, i, 1, 1e6 * layer.low, 1e6 * layer.high});
    if (layer.ceiling_seconds > 0) {
      allowed.points.push_back({1e6 * layer.ceiling_seconds, place + bars.offset});
    }
  }
  // An interval of a disturbed run may be many times as long as all bars.
  double longest = 0;
  for (const Bars* bars : {&forward, &backward}) {
    for (const Point& point : bars->points) longest = std::max(longest, point.y);
  }
  if (longest > 0) panel.x.to = 1.25 * longest;
  panel.bars.push_back(forward);
  if (training) panel.bars.push_back(backward);
  panel.curves.push_back(allowed);
  picture.panel_height = height_of_names(names.size(), training ? 2 : 1);
  picture.panels.push_back(std::move(panel));
  return picture;
}

// Memory by layer, in files of newer builds.
void add_memory(const RooflineResult& result, Block& block) {
  const auto memory = result.file->json.find("memory");
  if (memory == result.file->json.end() || !memory->is_object()) return;
  std::vector<io::Column> columns = {{"layer", "layer", io::Align::left}};
  for (const auto& purpose : network::kMemoryPurposes) {
    columns.push_back({purpose.name, purpose.name});
  }
  io::Table table(columns);
  const auto add = [&](const std::string& name, const Json& of) {
    std::vector<io::Cell> row = {name};
    for (const auto& purpose : network::kMemoryPurposes) {
      const double bytes = number_of(of, purpose.key());
      row.push_back(std::isfinite(bytes) ? io::Cell::shown_as(bytes, io::show_bytes(bytes))
                                         : io::Cell());
    }
    table.add_row(std::move(row));
  };
  for (const Json& layer : memory->at("layers")) add(layer.at("layer").get<std::string>(), layer);
  add("together", memory->at("total"));
  block.tables.push_back(
      {fmt::format("Memory per layer, batch {:.0f}", number_of(*memory, "batch")),
       std::move(table)});
}

}  // namespace

Block roofline_block(const RooflineResult& result) {
  Block block = block_of(*result.file);
  block.title = title_of(result) + " (" + machine_of(*result.file) + ")";
  block.sentences = texts_of(result.file->json, "answers");
  for (auto step = result.steps.rbegin(); step != result.steps.rend(); ++step) {
    Picture roofline = roofline_picture(result, *step);
    Picture time = time_picture(result, *step);
    roofline.folded = time.folded = step != result.steps.rbegin();
    block.pictures.push_back(std::move(roofline));
    block.pictures.push_back(std::move(time));
  }
  if (result.steps.size() > 1) {
    block.pictures.push_back(batch_picture({&result},
                                           "Time per sample by batch: " + title_of(result),
                                           file_name_of(result, "batches", 0)));
  }
  add_memory(result, block);
  return block;
}

}  // namespace ridgeline::report
