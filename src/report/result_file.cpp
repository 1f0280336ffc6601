#include "report/result_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <system_error>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/file.hpp"
#include "io/units.hpp"

namespace ridgeline::report {
namespace {

using io::Json;

ResultFile read(const std::string& path, bool from_folder) {
  ResultFile file{path, io::read_json(path, shown_formats()), "", from_folder};
  file.format = file.json.at("format").get<std::string>();
  const auto machine = file.json.find("machine");
  if (machine == file.json.end() || !machine->is_object()) {
    throw RequestError(path + ": cannot be read as a result: \"machine\" must be an object");
  }
  return file;
}

const char* method_of(const std::string& format) {
  if (format == "ridgeline-machine") {
    return "ceilings are the best repetition, latencies the minimum; docs/machine.md";
  }
  if (format == "ridgeline-roofline") {
    return "medians of at least 10 steps and 0.2 s, each layer timed in place; ceilings from the "
           "machine file; docs/measuring.md";
  }
  if (format == "ridgeline-training") return "medians of steps timed layer by layer while training";
  if (format == "ridgeline-comparison") {
    return "ratios of medians with joint 95 % intervals; docs/comparing.md";
  }
  return "medians of repetitions after warm-up; docs/studies";
}

std::string bytes_text(double bytes) { return std::isnan(bytes) ? "" : io::show_bytes(bytes); }

}  // namespace

const std::vector<std::string>& shown_formats() {
  static const std::vector<std::string> formats = {"ridgeline-machine", "ridgeline-roofline",
                                                   "ridgeline-training", "ridgeline-study",
                                                   "ridgeline-comparison"};
  return formats;
}

std::vector<ResultFile> read_result_files(const std::vector<std::string>& paths,
                                          std::vector<std::string>& notes) {
  std::vector<ResultFile> files;
  std::set<std::string> known;
  const auto add = [&](const std::string& path, bool from_folder) {
    std::error_code error;
    const std::string whole = std::filesystem::weakly_canonical(path, error).string();
    if (known.insert(error ? path : whole).second) files.push_back(read(path, from_folder));
  };
  for (const std::string& path : paths) io::for_json_files(path, notes, add);
  return files;
}

std::vector<std::string> texts_of(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? std::vector<std::string>()
                                                 : found->get<std::vector<std::string>>();
}

double number_of(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  return found == json.end() || !found->is_number() ? std::nan("") : found->get<double>();
}

std::string text_of(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? "" : found->get<std::string>();
}

EstimateOf estimate_of(const Json& json, const std::string& key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) return {std::nan(""), std::nan(""), std::nan("")};
  return {number_of(*found, "value"), number_of(*found, "low"), number_of(*found, "high")};
}

std::string deck_stem_of(const ResultFile& file) {
  const std::string deck = text_of(file.json, "deck");
  const std::string name = deck.substr(deck.find_last_of('/') + 1);
  return name.substr(0, name.rfind(".toml"));
}

std::string name_of(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (allowed) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

namespace {

std::string cpu_of(const Json& machine) {
  const std::string name = text_of(machine, "cpu_model");
  const double cores = number_of(machine, "cores");
  return name.empty() || std::isnan(cores) ? name : fmt::format("{} ({:.0f} cores)", name, cores);
}

bool is_host(const std::string& space) { return space == "serial" || space == "openmp"; }

}  // namespace

std::string machine_of(const ResultFile& file) {
  const Json& machine = file.json.at("machine");
  const std::string cpu = cpu_of(machine), gpu = text_of(machine, "gpu_model");
  const std::string space = text_of(file.json, "space");
  if (!gpu.empty() && (cpu.empty() || (!space.empty() && !is_host(space)))) return gpu;
  return cpu.empty() ? "unnamed machine" : cpu;
}

std::string whole_machine_of(const ResultFile& file) {
  const Json& machine = file.json.at("machine");
  const std::string cpu = cpu_of(machine), gpu = text_of(machine, "gpu_model");
  if (cpu.empty() && gpu.empty()) return "unnamed machine";
  return cpu + (cpu.empty() || gpu.empty() ? "" : ", ") + gpu;
}

std::string measured_or_not(const ResultFile& file) {
  return file.json.value("measured", true) ? "" : " (data sheet, not measured)";
}

std::string source_of(const ResultFile& file) {
  const Json& machine = file.json.at("machine");
  const std::string space = text_of(file.json, "space");
  std::vector<std::string> parts;
  if (const std::string cpu = text_of(machine, "cpu_model"); !cpu.empty()) parts.push_back(cpu);
  double threads = number_of(file.json, "threads");
  if (std::isnan(threads)) threads = space == "serial" ? 1 : number_of(machine, "threads");
  if (!std::isnan(threads) && (space.empty() || is_host(space))) {
    parts.push_back(io::show_count(std::llround(threads), "thread"));
  }
  const std::string gpu = text_of(machine, "gpu_model");
  if (!gpu.empty() && !is_host(space)) parts.push_back(gpu);
  // "2026-11-30" of an ISO time.
  const std::string created = text_of(file.json, "created");
  const bool is_iso =
      created.size() >= 10 && created.find_first_not_of("0123456789-T:Z.+") == std::string::npos;
  if (is_iso) parts.push_back(created.substr(0, 10));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Origin origin_of(const ResultFile& file) {
  const Json& machine = file.json.at("machine");
  Origin origin;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) origin.emplace_back(name, value);
  };
  add("file", printable(file.path));
  add("measured", text_of(file.json, "created"));
  add("Ridgeline", text_of(file.json, "ridgeline_version"));
  add("command", fmt::format("{}", fmt::join(texts_of(file.json, "command"), " ")));
  add("deck", text_of(file.json, "deck"));
  add("changes to the deck", fmt::format("{}", fmt::join(texts_of(file.json, "overrides"), " ")));
  const double cores = number_of(machine, "cores");
  add("CPU", text_of(machine, "cpu_model") +
                 (std::isnan(cores) ? "" : fmt::format(", {:.0f} cores", cores)));
  const double threads = number_of(machine, "threads");
  if (!std::isnan(threads)) {
    add("threads", fmt::format("{:.0f}, {}", threads, text_of(machine, "thread_binding")));
  }
  add("memory", bytes_text(number_of(machine, "memory_bytes")));
  const std::string gpu = text_of(machine, "gpu_model");
  const std::string gpu_memory = bytes_text(number_of(machine, "gpu_memory_bytes"));
  if (!gpu.empty()) add("GPU", gpu + (gpu_memory.empty() ? "" : ", " + gpu_memory));
  add("compiler", text_of(machine, "compiler") + " " + text_of(machine, "flags"));
  add("Kokkos", text_of(machine, "kokkos_version"));
  add("method", method_of(file.format));
  return origin;
}

bool is_disturbed(const ResultFile& file) {
  const auto disturbed = file.json.find("disturbed");
  return disturbed != file.json.end() && disturbed->is_object() && disturbed->value("alarm", false);
}

Block block_of(const ResultFile& file) {
  Block block;
  if (!file.json.value("complete", true)) {
    block.warnings.emplace_back(
        "The measurement was stopped before its end: not everything is here.");
  }
  if (is_disturbed(file)) {
    block.warnings.push_back(
        fmt::format("The measurement was disturbed: {}.",
                    fmt::join(texts_of(file.json.at("disturbed"), "reasons"), "; ")));
  }
  block.notes = texts_of(file.json, "notes");
  block.origin = origin_of(file);
  return block;
}

}  // namespace ridgeline::report
