#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/seconds.hpp"
#include "io/units.hpp"
#include "report/roofline.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

LayerTime read_layer(const Json& record, const std::string& layer, const std::string& phase) {
  LayerTime time;
  time.layer = layer;
  time.phase = phase;
  time.flops = record.at("flops").get<double>();
  time.bytes = record.at("bytes").get<double>();
  const Json& seconds = record.at("seconds");
  time.seconds = seconds.at("median").get<double>();
  // Files of version 1 have no interval.
  time.low = time.high = std::nan("");
  if (const auto interval = seconds.find("median_interval"); interval != seconds.end()) {
    time.low = interval->at(0).get<double>();
    time.high = interval->at(1).get<double>();
  }
  if (time.seconds > 0) time.gflops_per_second = 1e-9 * time.flops / time.seconds;
  if (time.bytes > 0) time.flops_per_byte = time.flops / time.bytes;
  time.bound = text_of(record, "bound");
  time.ceiling_seconds = number_of(record, "ceiling_seconds");
  time.explained_seconds = number_of(record, "explained_seconds");
  time.above_roof = record.value("above_roof", false);
  return time;
}

StepTimes read_step(const Json& from) {
  StepTimes step;
  step.batch = from.at("batch").get<double>();
  for (const Json& record : from.at("records")) {
    step.layers.push_back(read_layer(record, record.at("layer").get<std::string>(),
                                     record.at("phase").get<std::string>()));
  }
  step.total = read_layer(from.at("total"), "total", "end to end");
  return step;
}

// Returns the machine file of a roofline: of those of the same machine the one that it was placed
// under, or else the first.
const ResultFile* machine_file_of(const ResultFile& file,
                                  const std::vector<const ResultFile*>& machines) {
  const std::string path = text_of(file.json, "machine_file");
  const std::string name = path.substr(path.find_last_of('/') + 1);
  const ResultFile* first = nullptr;
  for (const ResultFile* machine : machines) {
    const Json &there = machine->json.at("machine"), &here = file.json.at("machine");
    const auto same = [&](const char* key) {
      return there.value(key, Json()) == here.value(key, Json());
    };
    if (!same("cpu_model") || !same("gpu_model") || !same("cores")) continue;
    if (machine->path.substr(machine->path.find_last_of('/') + 1) == name) return machine;
    if (first == nullptr) first = machine;
  }
  return first;
}

// Returns the ceilings that the file states, or else those of its machine file.
model::LevelCeilings ceilings_of(const ResultFile& file, double threads,
                                 const std::vector<const ResultFile*>& machines) {
  model::LevelCeilings ceilings;
  const Json stated = file.json.value("ceilings", Json::object());
  if (stated.is_object() && stated.contains("levels")) {
    for (const Json& level : stated.at("levels")) {
      ceilings.levels.push_back(
          {level.at("level").get<std::string>(), level.at("gbytes_per_second").get<double>()});
    }
    for (const auto& [precision, rate] : stated.at("peaks").items()) {
      ceilings.peaks.emplace_back(precision, rate.get<double>());
    }
  }
  if (!ceilings.levels.empty()) return ceilings;
  const ResultFile* const machine = machine_file_of(file, machines);
  if (machine != nullptr) {
    ceilings = model::level_ceilings(machine->json, machine->path, text_of(file.json, "space"),
                                     static_cast<int>(threads));
  }
  if (!stated.is_object()) return ceilings;
  const double memory = number_of(stated, "memory_gbytes_per_second");
  if (ceilings.levels.empty() && memory > 0) ceilings.levels.push_back({"memory", memory});
  return ceilings;
}

double peak_of(const RooflineResult& result) {
  const Json stated = result.file->json.value("ceilings", Json::object());
  const double peak = stated.is_object() ? number_of(stated, "peak_gflops") : std::nan("");
  if (peak > 0) return peak;
  for (const auto& [precision, rate] : result.ceilings.peaks) {
    if (precision == result.precision) return rate;
  }
  return std::nan("");
}

}  // namespace

std::string time_text(const LayerTime& layer) {
  const bool is_wide = layer.high - layer.low > Timing::kWideSpread * layer.seconds;
  return (is_wide ? "~" : "") + io::show_seconds(layer.seconds);
}

bool is_view(const LayerTime& layer) { return layer.flops == 0 && layer.bytes == 0; }

std::string network_of(const RooflineResult& result) {
  std::string network = result.network;
  for (const std::string& change : texts_of(result.file->json, "overrides")) {
    if (change.rfind("network.gemm=", 0) != 0) network += ", " + change;  // see space_of()
  }
  return network;
}

bool uses_kokkos_kernels(const RooflineResult& result) {
  return text_of(result.file->json, "gemm") == "kokkos_kernels";
}

std::string space_of(const RooflineResult& result) {
  return result.space + (uses_kokkos_kernels(result) ? ", Kokkos Kernels" : "");
}

std::string title_of(const RooflineResult& result) {
  return fmt::format("{}, {}, {} on {}", network_of(result),
                     result.phase == "infer" ? "inference" : "training", result.precision,
                     space_of(result));
}

// Returns the layers in order, without views, each once.
std::vector<std::string> layers_in(const StepTimes& step) {
  std::vector<std::string> names;
  for (const LayerTime& layer : step.layers) {
    if (is_view(layer)) continue;
    if (std::find(names.begin(), names.end(), layer.layer) == names.end()) {
      names.push_back(layer.layer);
    }
  }
  return names;
}

RooflineResult read_roofline(const ResultFile& file,
                             const std::vector<const ResultFile*>& machines) {
  const Json& json = file.json;
  RooflineResult result;
  result.file = &file;
  result.network = text_of(json, "network");
  result.space = text_of(json, "space");
  result.phase = text_of(json, "phase");
  if (result.phase.empty()) result.phase = "train";
  result.precision = text_of(json, "precision");
  double threads = number_of(json, "threads");
  // Files of version 1 have none.
  if (!(threads > 0) && result.space == "openmp") {
    threads = number_of(json.at("machine"), "threads");
  }
  result.threads = threads > 0 ? threads : 1;
  result.ceilings = ceilings_of(file, result.threads, machines);
  result.peak_gflops = peak_of(result);
  if (json.contains("batches")) {
    for (const Json& batch : json["batches"]) result.steps.push_back(read_step(batch));
  } else if (json.contains("records")) {
    result.steps.push_back(read_step(json));
  }
  std::sort(result.steps.begin(), result.steps.end(),
            [](const StepTimes& a, const StepTimes& b) { return a.batch < b.batch; });
  return result;
}

}  // namespace ridgeline::report
