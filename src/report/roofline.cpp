#include "report/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "io/units.hpp"

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
  time.low = seconds.at("min").get<double>();
  time.high = seconds.at("max").get<double>();
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

// A machine file has the path that the roofline was given, or was measured on the same machine.
const ResultFile* machine_file_of(const ResultFile& file,
                                  const std::vector<const ResultFile*>& machines) {
  const std::string path = text_of(file.json, "machine_file");
  for (const ResultFile* machine : machines) {
    if (!path.empty() && machine->path == path) return machine;
  }
  for (const ResultFile* machine : machines) {
    const Json &there = machine->json.at("machine"), &here = file.json.at("machine");
    const auto same = [&](const char* key) {
      return there.value(key, Json()) == here.value(key, Json());
    };
    if (same("cpu_model") && same("gpu_model") && same("threads") && same("cores")) return machine;
  }
  return nullptr;
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
  if (!ceilings.empty()) return ceilings;
  const ResultFile* const machine = machine_file_of(file, machines);
  if (machine != nullptr) {
    ceilings = model::level_ceilings(machine->json, text_of(file.json, "space"),
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

bool is_view(const LayerTime& layer) { return layer.flops == 0 && layer.bytes == 0; }

std::string title_of(const RooflineResult& result) {
  const std::string gemm = text_of(result.file->json, "gemm");
  return fmt::format("{}, {}, {} on {}{}", result.network,
                     result.phase == "infer" ? "inference" : "training", result.precision,
                     result.space, gemm == "kokkos_kernels" ? ", Kokkos Kernels" : "");
}

std::string file_name_of(const RooflineResult& result, const std::string& kind, double batch) {
  const std::string network = text_of(result.file->json, "deck").empty()
                                  ? result.network
                                  : text_of(result.file->json, "deck");
  std::string stem = network.substr(network.find_last_of('/') + 1);
  stem = stem.substr(0, stem.rfind(".toml"));
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

io::Cell positive_cell(double value, const char* format) {
  return std::isfinite(value) && value > 0 ? io::Cell(value, format) : io::Cell();
}

io::Cell time_cell(double seconds) {
  return std::isfinite(seconds) ? io::Cell::shown_as(seconds, io::show_seconds(seconds))
                                : io::Cell();
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
        {layer.layer, layer.phase, time_cell(layer.seconds),
         fmt::format("{} to {}", io::show_seconds(layer.low), io::show_seconds(layer.high)),
         io::Cell(100 * share, "{:.1f} %"),
         io::Cell::shown_as(layer.flops, io::show_flops(layer.flops)),
         io::Cell::shown_as(layer.bytes, io::show_bytes(layer.bytes)),
         positive_cell(layer.flops_per_byte, "{:.3g}"),
         positive_cell(layer.gflops_per_second, "{:.4g}"),
         is_view(layer) ? io::Cell() : io::Cell(layer.bound + (layer.above_roof ? " (!)" : "")),
         is_view(layer) ? io::Cell() : time_cell(layer.ceiling_seconds),
         is_view(layer) || !(layer.seconds > 0) || !std::isfinite(layer.explained_seconds)
             ? io::Cell()
             : io::Cell(100 * std::min(1.0, layer.explained_seconds / layer.seconds), "{:.0f} %")});
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
  double first_ridge = most;
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
  panel.curves.push_back(ridges);
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
                            layer.layer + " " + layer.phase, Colour::ink, 1, -14,
                            i % 2 == 0 ? -14.0 : 14.0});
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
  std::size_t row = step.layers.size() + 1;
  add_roofs(result, least, most, panel, picture.table, row);
  add_layers(step, panel);
  picture.panels.push_back(std::move(panel));
  return picture;
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

Picture time_picture(const RooflineResult& result, const StepTimes& step) {
  Picture picture;
  picture.name = file_name_of(result, "time", step.batch);
  picture.title = fmt::format("Time per layer: {}, batch {:.0f}", title_of(result), step.batch);
  picture.source = source_of(*result.file);
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
  panel.bars.push_back(forward);
  if (training) panel.bars.push_back(backward);
  panel.curves.push_back(allowed);
  picture.panel_height = 70 + 26 * static_cast<double>(std::max<std::size_t>(2, names.size()));
  picture.panels.push_back(std::move(panel));
  return picture;
}

// Time per sample against batch, of one or several results of a network.
Picture batch_picture(const std::vector<const RooflineResult*>& results, const std::string& title,
                      const std::string& name) {
  Picture picture;
  picture.name = name;
  picture.title = title;
  picture.source = source_of(*results.front()->file);
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
  constexpr Colour kColours[] = {Colour::blue,   Colour::red,    Colour::green,
                                 Colour::purple, Colour::orange, Colour::sky};
  constexpr Marker kMarkers[] = {Marker::circle, Marker::square, Marker::triangle, Marker::diamond};
  std::size_t row = 0, number = 0;
  for (const RooflineResult* result : results) {
    const std::string of = result->space + " of " + machine_of(*result->file);
    Curve measured{of, kColours[number % 6], Line::solid, kMarkers[number % 4]};
    Curve allowed{"its ceilings allow", Colour::grey, Line::dashed};
    for (const StepTimes& step : result->steps) {
      const LayerTime& total = step.total;
      measured.points.push_back({step.batch, total.seconds / step.batch, row++, 1,
                                 total.low / step.batch, total.high / step.batch});
      allowed.points.push_back({step.batch, total.ceiling_seconds / step.batch});
      picture.table.add_row({of, io::Cell(step.batch, "{:.0f}"), time_cell(total.seconds),
                             time_cell(total.seconds / step.batch),
                             positive_cell(step.batch / total.seconds, "{:.0f}"), total.bound});
    }
    panel.curves.push_back(measured);
    if (results.size() == 1) panel.curves.push_back(allowed);
    ++number;
  }
  picture.panels.push_back(std::move(panel));
  return picture;
}

// Memory by layer, in files of newer builds.
void add_memory(const RooflineResult& result, Block& block) {
  const auto memory = result.file->json.find("memory");
  if (memory == result.file->json.end() || !memory->is_object()) return;
  io::Table table({{"layer", "layer", io::Align::left},
                   {"parameters", "parameters"},
                   {"gradients", "gradients"},
                   {"optimizer", "optimizer"},
                   {"saved", "saved"},
                   {"activations", "activations"},
                   {"workspace", "workspace"}});
  const auto add = [&](const std::string& name, const Json& of) {
    std::vector<io::Cell> row = {name};
    for (const char* key :
         {"parameters", "gradients", "optimizer", "saved", "activations", "workspace"}) {
      const double bytes = number_of(of, std::string(key) + "_bytes");
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
  const double threads = number_of(json, "threads");
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

Block roofline_block(const RooflineResult& result) {
  Block block;
  block.title = title_of(result) + " (" + machine_of(*result.file) + ")";
  block.sentences = texts_of(result.file->json, "answers");
  block.notes = warnings_of(*result.file);
  block.origin = origin_of(*result.file);
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
          {result.network, result.phase, result.space, io::Cell(step.batch, "{:.0f}"),
           time_cell(total.seconds),
           known ? io::Cell(step.batch / total.seconds, "{:.0f}") : io::Cell(), total.bound,
           known && std::isfinite(total.explained_seconds)
               ? io::Cell(100 * std::min(1.0, total.explained_seconds / total.seconds), "{:.0f} %")
               : io::Cell(),
           largest == nullptr ? io::Cell() : io::Cell(largest->layer + " " + largest->phase),
           largest == nullptr || sum <= 0 ? io::Cell()
                                          : io::Cell(100 * largest->seconds / sum, "{:.0f} %"),
           machine_of(*result.file)});
    }
  }
  return table;
}

std::vector<Block> side_by_side(const std::vector<RooflineResult>& results) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<const RooflineResult*>>
      groups;
  for (const RooflineResult& result : results) {
    if (result.steps.empty()) continue;
    groups[{result.network, result.phase, result.precision}].push_back(&result);
  }
  std::vector<Block> blocks;
  for (const auto& [key, group] : groups) {
    std::set<std::string> places;
    for (const RooflineResult* result : group) {
      places.insert(result->space + machine_of(*result->file));
    }
    if (places.size() < 2) continue;
    const auto& [network, phase, precision] = key;
    Block block;
    block.title =
        fmt::format("{}, {}, {}", network, phase == "infer" ? "inference" : "training", precision);
    block.pictures.push_back(
        batch_picture(group, "Time per sample by batch and machine: " + block.title,
                      name_of(fmt::format("machines-{}-{}-{}", network, phase, precision))));
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace ridgeline::report
