#include "model/result_records.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/seconds.hpp"
#include "io/file.hpp"

namespace ridgeline::model {
namespace {

using io::Json;

// Integers and texts beside a timing that are results themselves, or that depend on the speed of
// the machine. All other integers and texts identify it, and objects that contain only these, such
// as a kernel's shape; numbers with a fraction do not, since they are measured or derived.
const std::vector<std::string> kResults = {"loads_per_repeat", "passes_per_launch",
                                           "huge_page_bytes", "team_size", "bound", "turn",
                                           // Of `fork_join`: chosen to take `work_seconds`.
                                           "steps"};

// Numbers with a fraction that still identify a timing, since they were requested.
const std::vector<std::string> kAskedFor = {"work_seconds"};

// Settings of a study that determine what a point is. The study sweeps over the others.
const std::vector<std::string> kDecidingSettings = {"first", "second", "second_model",
                                                    "second_is_measured", "iterations"};

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_timing(const Json& node) {
  return node.is_object() && node.contains("median") && node.contains("min") &&
         node["median"].is_number() && node["min"].is_number();
}

// Returns whether it contains only integers, texts and lists of these.
bool is_description(const Json& node) {
  if (!node.is_structured()) return node.is_string() || node.is_number_integer();
  return !node.empty() && std::all_of(node.begin(), node.end(), is_description);
}

RunTime run_time_of(const Json& timing) {
  RunTime time{timing.at("median").get<double>(), timing.at("min").get<double>(), {}};
  // Version 1 has none.
  const auto samples = timing.find("samples");
  if (samples != timing.end()) time.samples = samples->get<std::vector<double>>();
  if (time.samples.size() > Timing::kMostSamples) time.samples.resize(Timing::kMostSamples);
  return time;
}

// Collects the records of one run.
class Records {
 public:
  explicit Records(ResultRun& run) : run_(run) {}
  ~Records() {
    for (const auto& [key, place] : turns_) {
      RunTime& time = run_.records[place].time;
      time.best = *std::min_element(time.samples.begin(), time.samples.end());
      time.median = median_of(time.samples);
    }
  }
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;

  // Collects every timing below a node. `key` identifies an ancestor, and `path` leads from it to
  // the node. Integers and texts of the objects on the path are added to the key.
  void collect(const Json& node, Json key, const std::string& path, bool best_counts) {
    if (is_timing(node)) {
      add(with_quantity(std::move(key), path), run_time_of(node), best_counts);
    } else if (node.is_array()) {
      for (const Json& each : node) {
        if (each.is_structured()) collect(each, key, path, best_counts);
      }
    } else if (node.is_object()) {
      for (const auto& [name, value] : node.items()) {
        const bool identifies = !value.is_array() && is_description(value);
        if ((!is_among(kResults, name) && identifies) || is_among(kAskedFor, name)) {
          key[name] = value;
        }
      }
      for (const auto& [name, value] : node.items()) {
        const std::string below = path.empty() ? name : path + " " + name;
        if (value.is_structured() && !is_description(value)) {
          collect(value, key, below, best_counts);
        }
        if (name == "seconds" && value.is_number()) {
          add_plain(with_quantity(key, below), value.get<double>(), node.contains("turn"));
        }
        if (name == "gbytes_per_second" && value.is_number() && !node.contains("seconds")) {
          add_rate(with_quantity(key, path), value.get<double>(), "GB/s", best_counts);
        }
      }
    }
  }

  void add(Json key, RunTime time, bool best_counts = false) {
    place(std::move(key), {{}, std::move(time), "s", false, best_counts});
  }

  void add_rate(Json key, double rate, const std::string& unit, bool best_counts = false) {
    const double time = rate > 0 ? 1 / rate : 0;
    ResultRecord record;
    record.time.median = record.time.best = time;
    record.unit = unit;
    record.is_rate = true;
    record.best_counts = best_counts;
    place(std::move(key), std::move(record));
  }

 private:
  // "seconds" is not part of a name.
  static Json with_quantity(Json key, std::string path) {
    constexpr const char* kSeconds = "seconds";
    constexpr std::size_t kLength = 7;
    if (path == kSeconds) path.clear();
    if (path.size() > kLength + 1 && path.substr(path.size() - kLength - 1) == " seconds") {
      path.resize(path.size() - kLength - 1);
    }
    if (!path.empty()) key["quantity"] = std::move(path);
    return key;
  }

  // A time without samples of its own. Those of several turns are the samples of one quantity.
  void add_plain(Json key, double seconds, bool is_turn) {
    if (!is_turn) return add(std::move(key), {seconds, seconds, {}});
    const auto found = turns_.find(key.dump());
    if (found == turns_.end()) {
      const std::string text = key.dump();
      const std::size_t before = run_.records.size();
      add(std::move(key), {seconds, seconds, {seconds}});
      if (run_.records.size() > before) turns_.emplace(text, before);
      return;
    }
    RunTime& time = run_.records[found->second].time;
    if (!is_possible(seconds)) {
      ++run_.unusable;
    } else if (time.samples.size() < kMostRecords) {
      time.samples.push_back(seconds);
    }
  }

  // Plausible seconds, or inverse of a rate: anything else is damage.
  static bool is_possible(double value) { return value >= 1e-14 && value <= 1e9; }

  void place(Json key, ResultRecord record) {
    const RunTime& time = record.time;
    if (!is_possible(time.median) || !is_possible(time.best) ||
        !std::all_of(time.samples.begin(), time.samples.end(), is_possible)) {
      ++run_.unusable;
      return;
    }
    // One measurement may occur in several places, as one thread's of a host's spaces.
    if (time.samples.size() >= kTellingSamples && !seen_.insert(time.samples).second) return;
    if (run_.records.size() == kMostRecords) {
      throw RequestError(run_.file + ": holds more than " + std::to_string(kMostRecords) +
                         " timings, which no result does");
    }
    // Equal keys are distinguished by their order.
    const int number = ++numbers_[key.dump()];
    if (number > 1) key["number"] = number;
    record.key = std::move(key);
    run_.records.push_back(std::move(record));
  }

  static constexpr std::size_t kMostRecords = 100000;
  // At least this many samples that are all equal are of one measurement.
  static constexpr std::size_t kTellingSamples = 5;

  ResultRun& run_;
  std::unordered_map<std::string, int> numbers_;        // of records with this key
  std::set<std::vector<double>> seen_;                  // samples
  std::unordered_map<std::string, std::size_t> turns_;  // the records whose samples are turns
};

void add_if_there(Json& to, const Json& from, const char* name) {
  const auto found = from.find(name);
  if (found != from.end()) to[name] = *found;
}

// Returns the parts of `from` that describe its origin.
void describe(ResultRun& run, const Json& from) {
  const Json& machine = from.at("machine");
  if (!machine.is_object()) throw RequestError(run.file + ": \"machine\" must be an object");
  for (const char* name : {"cpu_model", "gpu_model", "threads"}) {
    add_if_there(run.variant, machine, name);
  }
  add_if_there(run.variant, from, "gemm");
  if (from.contains("deck")) {
    run.variant["deck"] = std::filesystem::path(from["deck"].get<std::string>()).stem().string();
  }
  add_if_there(run.variant, from, "overrides");
  for (const char* name : {"ridgeline_version", "gemm", "deck_text", "overrides", "job"}) {
    add_if_there(run.origin, from, name);
  }
  if (from.contains("command")) {
    // The place of the output does not matter.
    Json command = Json::array();
    bool is_output = false;
    for (const Json& word : from["command"]) {
      const std::string text = word.get<std::string>();
      if (!is_output && text != "--output" && text.rfind("--output=", 0) != 0) {
        command.push_back(text);
      }
      is_output = text == "--output";
    }
    run.origin["command"] = command;
  }
  for (const auto& [name, value] : machine.items()) run.origin["machine." + name] = value;
  run.created = from.value("created", std::string());
  run.complete = from.value("complete", true);
  const auto disturbed = from.find("disturbed");
  if (disturbed != from.end()) {
    run.disturbed = disturbed->value("alarm", false);
    run.disturbance = disturbed->value("reasons", std::vector<std::string>());
    const auto exchange = disturbed->find("exchange_pulse");
    if (exchange != disturbed->end() && exchange->is_object()) {
      const double seconds = exchange->at("median").get<double>();
      if (std::isfinite(seconds) && seconds > 0) run.exchange = seconds;
    }
  }
}

void add_roofline(ResultRun run, const Json& from, const Json& result,
                  std::vector<ResultRun>& runs) {
  for (const char* name : {"network", "batch", "phase", "precision", "space"}) {
    add_if_there(run.thing, from.contains(name) ? from : result, name);
  }
  runs.push_back(std::move(run));
  Records records(runs.back());
  for (const Json& record : from.at("records")) {
    // A view does no work, and its time is that of reading the clock.
    if (record.value("flops", 1.0) == 0 && record.value("bytes", 1.0) == 0) continue;
    records.add({{"layer", record.at("layer")}, {"phase", record.at("phase")}},
                run_time_of(record.at("seconds")));
  }
  records.add({{"layer", "total"}, {"phase", "end to end"}},
              run_time_of(from.at("total").at("seconds")));
}

void add_training(ResultRun& run, const Json& result) {
  for (const char* name : {"title", "batch", "precision", "space"}) {
    add_if_there(run.thing, result, name);
  }
  Records records(run);
  for (const Json& share : result.at("shares")) {
    const Json& seconds = share.at("seconds");
    if (seconds.is_null()) continue;
    records.add({{"layer", share.at("layer")}},
                is_timing(seconds) ? run_time_of(seconds)
                                   : RunTime{seconds.get<double>(), seconds.get<double>(), {}});
  }
  // Null if the run was too short.
  if (const Json& step = result.at("step_seconds"); !step.is_null()) {
    records.add({{"quantity", "step"}}, run_time_of(step));
  }
  if (const auto merit = result.find("figure_of_merit");
      merit != result.end() && !merit->is_null()) {
    records.add_rate({{"quantity", "figure of merit"}}, merit->get<double>(), "samples/s");
  }
}

void add_machine(ResultRun& run, const Json& result) {
  Records records(run);
  for (const auto& [space, measured] : result.at("spaces").items()) {
    for (const auto& [name, value] : measured.items()) {
      const Json key = {{"space", space}, {"probe", name}};
      if (name == "peak_gflops") {
        for (const auto& [precision, rate] : value.items()) {
          Json peak = key;
          peak["precision"] = precision;
          records.add_rate(peak, rate.get<double>(), "GFLOP/s", true);
        }
      } else if (value.is_structured()) {
        // As in Ceilings: transfers are fitted to medians.
        records.collect(value, key, "", name != "transfer");
      }
    }
  }
}

void add_study(ResultRun& run, const Json& result) {
  const std::string study = result.at("study").get<std::string>();
  run.thing["study"] = study;
  const Json settings = result.value("settings", Json::object());
  for (const std::string& name : kDecidingSettings) add_if_there(run.thing, settings, name.c_str());
  // Early files: "cuda of inputs/machines/h100-sxm.json".
  if (run.thing.contains("second") && run.thing["second"].is_string()) {
    const std::string second = run.thing["second"].get<std::string>();
    run.thing["second"] = second.substr(0, second.find(" of "));
  }
  for (const auto& [name, value] : settings.items()) {
    run.origin["study " + study + ": settings." + name] = value;
  }
  Records records(run);
  records.collect(result.at("points"), Json::object(), "",
                  study == "latency" || study == "bandwidth");
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [name, each] : value.items()) {
    if (!text.empty()) text += value.is_array() ? "x" : " ";
    text += (value.is_array() ? "" : name + " ") + text_of(each);
  }
  return text;
}

}  // namespace

const std::vector<std::string>& comparable_formats() {
  static const std::vector<std::string> formats = {"ridgeline-machine", "ridgeline-roofline",
                                                   "ridgeline-training", "ridgeline-study"};
  return formats;
}

std::vector<ResultRun> read_result(const std::string& path) {
  return runs_of(io::read_json(path, comparable_formats()), path);
}

std::vector<ResultRun> read_results(const std::string& path, std::vector<std::string>& notes) {
  std::vector<ResultRun> runs;
  io::for_json_files(path, notes, [&](const std::string& file, bool) {
    std::vector<ResultRun> more = read_result(file);
    std::move(more.begin(), more.end(), std::back_inserter(runs));
  });
  return runs;
}

std::vector<ResultRun> runs_of(const Json& result, const std::string& path) {
  std::vector<ResultRun> runs;
  try {
    ResultRun run;
    run.file = path;
    const std::string format = result.at("format").get<std::string>();
    run.thing = {{"format", format}};
    run.variant = run.origin = Json::object();
    if (format == "ridgeline-machine" && !result.value("measured", true)) {
      throw RequestError(path + ": is from a data sheet; nothing in it was measured");
    }
    describe(run, result);
    if (format == "ridgeline-roofline") {
      if (!result.contains("batches")) {
        add_roofline(std::move(run), result, result, runs);
      } else {
        for (const Json& batch : result["batches"]) add_roofline(run, batch, result, runs);
      }
      return runs;
    }
    if (format == "ridgeline-training") add_training(run, result);
    if (format == "ridgeline-machine") add_machine(run, result);
    if (format == "ridgeline-study") add_study(run, result);
    runs.push_back(std::move(run));
  } catch (const Json::exception& error) {
    throw RequestError(path + ": cannot be read as a result: " + io::reason_of(error));
  }
  return runs;
}

std::string in_words(const Json& key) {
  std::string words;
  for (const auto& [name, value] : key.items()) {
    if (value.is_null()) continue;
    std::string text = text_of(value);
    if (name == "format") {
      constexpr std::size_t kPrefix = 10;  // "ridgeline-"
      text = text.substr(std::min(kPrefix, text.size()));
      if (text == "study") continue;
    } else if (name == "study") {
      text = "study " + text;
    } else if (name == "phase" && key.contains("layer")) {
      words += "/" + text;
      continue;
    } else if (name == "space" && key.contains("precision") && !words.empty()) {
      words += " on " + text;
      continue;
    } else if (!value.is_string()) {
      text = name + " " + text;
    }
    if (!text.empty()) words += (words.empty() ? "" : ", ") + text;
  }
  return words;
}

}  // namespace ridgeline::model
