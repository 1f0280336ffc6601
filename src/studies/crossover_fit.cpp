#include "studies/crossover_fit.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "machine/space_memory.hpp"
#include "model/measured_fractions.hpp"

namespace ridgeline::studies {
namespace {

using model::Crossover;
using model::SizePoint;

// Returns whether an expected time of the curve is from the fit of all layers.
bool is_without_record(const SizeCurve& curve) {
  return std::any_of(curve.points.begin(), curve.points.end(), [](const SizeMeasurement& point) {
    return point.without_record && !point.without_record->empty();
  });
}

Crossover crossover_of(const SizeCurve& curve, Mode mode) {
  std::vector<SizePoint> points;
  for (const SizeMeasurement& point : curve.points) {
    const std::vector<double>& ratios = point.modes[mode].ratios;
    if (!ratios.empty()) points.push_back({point.size, ratios});
  }
  return model::find_crossover(points);
}

bool measured(const SizeCurve& curve, Mode mode) {
  return !curve.points.empty() && !curve.points.back().modes[mode].ratios.empty();
}

// Returns the curve of the quantity that grows, if it has several points.
const SizeCurve* find_curve(const std::vector<const SizeCurve*>& curves, const std::string& grows) {
  for (const SizeCurve* curve : curves) {
    if (curve->grows == grows && curve->points.size() > 1) return curve;
  }
  return nullptr;
}

FittedCurve fit_curve(const SizeCurve& curve) {
  FittedCurve fitted{&curve, {}, is_without_record(curve)};
  for (int mode = 0; mode < kModes; ++mode) {
    if (measured(curve, Mode(mode))) {
      fitted.crossovers[std::size_t(mode)] = crossover_of(curve, Mode(mode));
    }
  }
  return fitted;
}

// The advantage is computed from expected times if there are any: ceilings alone exclude launches
// and the low utilisation of small kernels.
Mode mode_of_advantage(const Comparison& comparison) {
  return comparison.from_file ? kExpected : kEager;
}

FittedRow fit_row(std::vector<const SizeCurve*> curves, const Comparison& comparison) {
  FittedRow row{curves.front()->subject, curves.front()->pass, std::move(curves), {}, {}, {}};
  std::vector<double> bytes;
  for (const char* grows : {"width", "batch"}) {
    const SizeCurve* found = find_curve(row.curves, grows);
    if (!found) continue;
    row.fitted.push_back(fit_curve(*found));
    for (const SizeMeasurement& point : found->points) {
      const std::vector<double>& turns = point.modes[mode_of_advantage(comparison)].ratios;
      if (turns.empty()) continue;
      bytes.push_back(point.bytes);
      row.ratios.push_back(median_of(turns));
    }
  }
  row.advantage = model::fit_advantage(bytes, row.ratios);
  return row;
}

io::Json json_of(const Crossover& crossover) {
  io::Json json = to_json(crossover.size);
  json["kind"] = model::to_string(crossover.kind);
  return json;
}

// Returns "the NVIDIA H200", or "cuda of other.json" if the file does not name a model.
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

std::vector<FittedRow> fit_rows(const std::vector<SizeCurve>& curves,
                                const Comparison& comparison) {
  std::vector<FittedRow> rows;
  for (std::size_t i = 0; i < curves.size();) {
    std::vector<const SizeCurve*> group;
    const SizeCurve& first = curves[i];
    while (i < curves.size() && curves[i].subject == first.subject &&
           curves[i].pass == first.pass) {
      group.push_back(&curves[i++]);
    }
    rows.push_back(fit_row(std::move(group), comparison));
  }
  return rows;
}

io::Json to_json(const std::vector<FittedRow>& rows, const Comparison& comparison) {
  io::Json crossovers = io::Json::array(), advantages = io::Json::array();
  for (const FittedRow& row : rows) {
    for (const FittedCurve& fitted : row.fitted) {
      for (std::size_t mode = 0; mode < kModes; ++mode) {
        if (!fitted.crossovers[mode]) continue;
        crossovers.push_back({{"what", row.subject},
                              {"pass", row.pass},
                              {"grows", fitted.curve->grows},
                              {"way", kModeNames[mode]},
                              {"without_record", fitted.without_record},
                              {"size", json_of(*fitted.crossovers[mode])}});
      }
    }
    if (!row.advantage) continue;
    advantages.push_back({{"what", row.subject},
                          {"pass", row.pass},
                          {"way", kModeNames[mode_of_advantage(comparison)]},
                          {"per_doubling_of_bytes", to_json(row.advantage->per_doubling)},
                          {"break_even_bytes", to_json(row.advantage->break_even)},
                          {"deviation_log2", row.advantage->residual_deviation}});
  }
  return {{"crossovers", crossovers}, {"advantage", advantages}};
}

}  // namespace ridgeline::studies
