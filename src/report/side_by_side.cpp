#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "model/ceilings.hpp"
#include "report/cells.hpp"
#include "report/roofline.hpp"
#include "report/styles.hpp"

namespace ridgeline::report {

namespace {

// Returns what distinguishes results of a network: "openmp, 2 threads, of AMD EPYC (2 cores)".
std::string place_of(const RooflineResult& result) {
  return fmt::format(
      "{}{}{} of {}", result.space,
      result.space == "openmp" ? fmt::format(", {:.0f} threads,", result.threads) : "",
      uses_kokkos_kernels(result) ? " with Kokkos Kernels" : "", machine_of(*result.file));
}

// Returns the sources of all results, each once.
std::string sources_of(const std::vector<const RooflineResult*>& results) {
  std::set<std::string> sources;
  for (const RooflineResult* result : results) sources.insert(source_of(*result->file));
  return fmt::format("{}", fmt::join(sources, "; "));
}

}  // namespace

// Time per sample against batch, of one or several results of a network.
Picture batch_picture(const std::vector<const RooflineResult*>& results, const std::string& title,
                      const std::string& name) {
  Picture picture;
  picture.name = name;
  picture.title = title;
  picture.source = sources_of(results);
  picture.panel_height = 320;
  picture.table = io::Table({{"of", "of", io::Align::left},
                             {"batch", "batch"},
                             {"time per step", "seconds"},
                             {"time per sample", "seconds_per_sample"},
                             {"samples/s", "samples_per_second"},
                             {"bound", "bound", io::Align::left}});
  Panel panel;
  panel.x = {"batch (samples)", Scale::log2};
  panel.y = {"time per sample", Scale::log10, Ticks::seconds};
  constexpr Colour kCurveColours[] = {Colour::blue,   Colour::red,    Colour::green,
                                      Colour::purple, Colour::orange, Colour::sky};
  constexpr Marker kMarkers[] = {Marker::circle, Marker::square, Marker::triangle, Marker::diamond};
  std::size_t row = 0, number = 0;
  for (const RooflineResult* result : results) {
    const std::string of = place_of(*result);
    Curve measured{of, kCurveColours[number % 6], Line::solid, kMarkers[number % 4]};
    Curve allowed{"its ceilings allow", Colour::grey, Line::dashed};
    for (const StepTimes& step : result->steps) {
      const LayerTime& total = step.total;
      measured.points.push_back({step.batch, total.seconds / step.batch, row++, 1,
                                 total.low / step.batch, total.high / step.batch});
      allowed.points.push_back({step.batch, total.ceiling_seconds / step.batch});
      picture.table.add_row({of, io::Cell(step.batch, "{:.0f}"), seconds_cell(total.seconds),
                             seconds_cell(total.seconds / step.batch),
                             positive_cell(step.batch / total.seconds, "{:.0f}"), total.bound});
    }
    panel.curves.push_back(measured);
    if (results.size() == 1) panel.curves.push_back(allowed);
    ++number;
  }
  picture.panels.push_back(std::move(panel));
  return picture;
}

io::Table overview(const std::vector<RooflineResult>& results) {
  io::Table table({{"network", "network", io::Align::left, 0},
                   {"phase", "phase", io::Align::left, 0},
                   {"space", "space", io::Align::left, 2},
                   {"batch", "batch", io::Align::right, 0},
                   {"time", "seconds", io::Align::right, 0},
                   {"samples/s", "samples_per_second", io::Align::right, 3},
                   {"bound", "bound", io::Align::left, 1},
                   {"explains", "explained_fraction", io::Align::right, 1},
                   {"most in", "largest_layer", io::Align::left, 4},
                   {"share", "largest_share", io::Align::right, 4},
                   {"machine", "machine", io::Align::left, 5}});
  for (const RooflineResult& result : results) {
    for (const StepTimes& step : result.steps) {
      const LayerTime* largest = nullptr;
      double sum = 0;
      for (const LayerTime& layer : step.layers) {
        sum += layer.seconds;
        if (largest == nullptr || layer.seconds > largest->seconds) largest = &layer;
      }
      const LayerTime& total = step.total;
      const bool known = total.seconds > 0;
      table.add_row(
          {network_of(result), result.phase, space_of(result), io::Cell(step.batch, "{:.0f}"),
           io::Cell::shown_as(total.seconds, time_text(total)),
           known ? io::Cell(step.batch / total.seconds, "{:.0f}") : io::Cell(), total.bound,
           known && std::isfinite(total.explained_seconds)
               ? io::Cell(100 * model::explained_fraction(total.explained_seconds, total.seconds),
                          "{:.0f} %")
               : io::Cell(),
           largest == nullptr ? io::Cell() : io::Cell(largest->layer + " " + largest->phase),
           largest == nullptr || sum <= 0 ? io::Cell()
                                          : io::Cell(100 * largest->seconds / sum, "{:.0f} %"),
           machine_of(*result.file)});
    }
  }
  return table;
}

namespace {

// Returns the step of this batch; null if there is none.
const StepTimes* step_of(const RooflineResult& result, double batch) {
  for (const StepTimes& step : result.steps) {
    if (step.batch == batch) return &step;
  }
  return nullptr;
}

// Returns the largest batch that all have; NaN if there is none.
double common_batch(const std::vector<const RooflineResult*>& group) {
  for (auto step = group.front()->steps.rbegin(); step != group.front()->steps.rend(); ++step) {
    const double batch = step->batch;
    if (std::all_of(group.begin(), group.end(), [&](const RooflineResult* result) {
          return step_of(*result, batch) != nullptr;
        })) {
      return batch;
    }
  }
  return std::nan("");
}

// Seconds of each layer, all phases together.
std::map<std::string, double> seconds_by_layer(const StepTimes& step) {
  std::map<std::string, double> seconds;
  for (const LayerTime& layer : step.layers) seconds[layer.layer] += layer.seconds;
  return seconds;
}

// Time per layer, one point for each place, at a batch that all have measured.
Picture layers_side_by_side(const std::vector<const RooflineResult*>& group, double batch,
                            const std::string& title, const std::string& name) {
  Picture picture;
  picture.name = name;
  picture.title = fmt::format("Time per layer by machine: {}, batch {:.0f}", title, batch);
  picture.source = sources_of(group);
  std::vector<io::Column> columns = {{"layer", "layer", io::Align::left}};
  Panel panel;
  panel.horizontal = true;
  panel.y.label = "layer";
  panel.x = {"time per step, all phases", Scale::log10, Ticks::seconds};
  panel.y.categories = layers_in(*step_of(*group.front(), batch));
  constexpr Colour kPlaces[] = {Colour::blue, Colour::orange, Colour::green, Colour::purple};
  constexpr Marker kMarkers[] = {Marker::circle, Marker::square, Marker::triangle, Marker::diamond};
  // More points than colours could not be distinguished; the table has all.
  const std::size_t places = group.size(), drawn = std::min<std::size_t>(places, 4);
  std::vector<std::vector<io::Cell>> rows;
  for (const std::string& layer : panel.y.categories) rows.push_back({layer});
  for (std::size_t k = 0; k < places; ++k) {
    const RooflineResult& result = *group[k];
    const std::string place = place_of(result);
    columns.push_back({place, name_of(place) + "_seconds"});
    const double offset = 0.8 * ((static_cast<double>(k) + 0.5) / static_cast<double>(drawn) - 0.5);
    Curve times{place, kPlaces[std::min<std::size_t>(k, 3)], Line::none,
                kMarkers[std::min<std::size_t>(k, 3)]};
    const std::map<std::string, double> seconds = seconds_by_layer(*step_of(result, batch));
    for (std::size_t i = 0; i < panel.y.categories.size(); ++i) {
      const auto found = seconds.find(panel.y.categories[i]);
      rows[i].push_back(found == seconds.end() ? io::Cell() : seconds_cell(found->second));
      if (found == seconds.end()) continue;
      times.points.push_back({found->second, static_cast<double>(i) + offset, i});
    }
    if (k < drawn) panel.curves.push_back(std::move(times));
  }
  picture.table = io::Table(columns);
  for (std::vector<io::Cell>& row : rows) picture.table.add_row(std::move(row));
  picture.panel_height = height_of_names(rows.size(), drawn);
  picture.panels.push_back(std::move(panel));
  return picture;
}

}  // namespace

std::vector<Block> side_by_side(const std::vector<RooflineResult>& results) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<const RooflineResult*>>
      groups;
  for (const RooflineResult& result : results) {
    if (result.steps.empty()) continue;
    groups[{network_of(result), result.phase, result.precision}].push_back(&result);
  }
  std::vector<Block> blocks;
  for (const auto& [key, group] : groups) {
    std::set<std::string> places;
    for (const RooflineResult* result : group) {
      places.insert(place_of(*result));
    }
    if (places.size() < 2) continue;
    const auto& [network, phase, precision] = key;
    Block block;
    block.title =
        fmt::format("{}, {}, {}", network, phase == "infer" ? "inference" : "training", precision);
    block.pictures.push_back(
        batch_picture(group, "Time per sample by batch and machine: " + block.title,
                      name_of(fmt::format("machines-{}-{}-{}", network, phase, precision))));
    const double batch = common_batch(group);
    if (std::isfinite(batch)) {
      block.pictures.push_back(
          layers_side_by_side(group, batch, block.title,
                              name_of(fmt::format("layers-{}-{}-{}", network, phase, precision))));
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace ridgeline::report
