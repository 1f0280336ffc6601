#include "machine/datasheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "config/document.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "machine/description.hpp"

namespace ridgeline::machine {
namespace {

using io::Json;

const std::string kOption = "--from-datasheet: ";

const DatasheetKey* find_key(const std::string& name) {
  for (const DatasheetKey& key : datasheet_keys()) {
    if (name == key.name) return &key;
  }
  return nullptr;
}

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> known_keys() {
  std::vector<std::string> names;
  for (const DatasheetKey& key : datasheet_keys()) names.push_back(key.name);
  return names;
}

// Returns whether a part begins with a key, or with a similar name; otherwise it is text.
bool has_key(const std::string& part) {
  const std::size_t end = part.find('=');
  if (end == std::string::npos) return false;
  const std::string key = trimmed(part.substr(0, end));
  return find_key(key) != nullptr || !nearest(key, known_keys()).empty();
}

// Returns the parts of "KEY=VALUE,KEY=VALUE"; commas within texts do not separate parts.
std::vector<std::string> parts_of(const std::vector<std::string>& items) {
  std::vector<std::string> parts;
  for (const std::string& item : items) {
    bool first = true;
    for (std::size_t begin = 0; begin <= item.size();) {
      const std::size_t end = std::min(item.find(',', begin), item.size());
      const std::string part = item.substr(begin, end - begin);
      begin = end + 1;
      if (first || has_key(part)) {
        parts.push_back(part);
      } else {
        parts.back() += "," + part;
      }
      first = false;
    }
  }
  return parts;
}

// The sheet, checked key by key.
class Sheet {
 public:
  explicit Sheet(const std::vector<std::string>& items) {
    for (const std::string& part : parts_of(items)) add(part);
    for (const char* needed : {"name", "kind", "source"}) {
      if (!has(needed)) throw RequestError(kOption + "needs " + needed + "=…; see --help");
    }
    require_one_of("kind", {"gpu", "cpu"});
    if (has("space")) require_one_of("space", {"cuda", "hip", "openmp"});
    if (is_gpu() == (space() == "openmp")) {
      throw RequestError(kOption + "space=" + space() + " is not one of a " + text("kind"));
    }
    if (!has("peak32") && !has("peak64") && !has("bandwidth")) {
      throw RequestError(kOption + "needs a rate: peak32, peak64 or bandwidth; see --help");
    }
    if (has("cache_bandwidth") && !has("cache")) {
      throw RequestError(kOption + "cache_bandwidth needs cache=BYTES");
    }
  }

  bool has(const std::string& key) const { return values_.count(key) > 0; }
  std::string text(const std::string& key) const { return values_.at(key).get<std::string>(); }
  double number(const std::string& key) const { return values_.at(key).get<double>(); }
  bool is_gpu() const { return text("kind") == "gpu"; }
  std::string space() const { return has("space") ? text("space") : is_gpu() ? "cuda" : "openmp"; }
  /// Returns the value, or null if the sheet does not have it.
  Json json(const std::string& key) const { return has(key) ? values_.at(key) : Json(); }

  /// Returns the given items, in the order of datasheet_keys().
  Json items() const {
    Json items = Json::object();
    for (const DatasheetKey& key : datasheet_keys()) {
      if (has(key.name)) items[key.name] = values_.at(key.name);
    }
    return items;
  }

 private:
  void add(const std::string& part) {
    const std::size_t equals = part.find('=');
    const std::string name = trimmed(part.substr(0, equals));
    const DatasheetKey* key = find_key(name);
    if (!key || equals == std::string::npos) {
      const std::string near = nearest(name, known_keys());
      throw RequestError(
          kOption +
          (key ? name + " has no value"
               : "there is no key \"" + name + "\"" +
                     (near.empty() ? std::string() : "; did you mean " + near + "?")) +
          "; see machine --help");
    }
    if (has(name)) throw RequestError(kOption + name + " is given twice");
    const std::string value = part.substr(equals + 1);
    if (value.empty()) throw RequestError(kOption + name + " is empty");
    if (*key->unit == '\0') {
      if (!is_utf8(value) || has_control_character(value)) {
        throw RequestError(kOption + name + " must be plain text");
      }
      values_[name] = value;
      return;
    }
    double parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc() || end != value.data() + value.size() || !std::isfinite(parsed) ||
        !(parsed >= 1e-6 && parsed <= 1e18)) {
      throw RequestError(kOption + name + "=" + value + " must be a number from 1e-6 to 1e18, in " +
                         key->unit + ", such as 3350 or 67e3");
    }
    const bool whole = parsed < 1e15 && parsed == std::floor(parsed);
    if (name == "cores" && !(whole && parsed < 1e9)) {
      throw RequestError(kOption + "cores=" + value + " must be a whole number of cores");
    }
    values_[name] = whole ? Json(static_cast<std::int64_t>(parsed)) : Json(parsed);
  }

  void require_one_of(const std::string& key, const std::vector<std::string>& words) const {
    if (std::find(words.begin(), words.end(), text(key)) != words.end()) return;
    std::string list;
    for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
    throw RequestError(kOption + key + "=" + text(key) + "; must be one of " + list);
  }

  std::map<std::string, Json> values_;
};

// Returns the described machine, with the keys of describe_machine().
Json describe(const Sheet& sheet) {
  const auto if_gpu = [&](bool gpu, const std::string& key) {
    return sheet.is_gpu() == gpu ? sheet.json(key) : Json();
  };
  return {{"hostname", Json()},
          {"cpu_model", if_gpu(false, "name")},
          {"cores", if_gpu(false, "cores")},
          {"memory_bytes", if_gpu(false, "memory")},
          {"gpu_model", if_gpu(true, "name")},
          {"gpu_memory_bytes", if_gpu(true, "memory")}};
}

// Returns a time from a data sheet in the form of a measured timing.
Json not_measured(double seconds) {
  return {{"min", seconds}, {"median", seconds}, {"max", seconds}, {"repeats", 0}};
}

Json space_of(const Sheet& sheet) {
  Json peaks = Json::object();
  for (const auto& [key, precision] :
       {std::pair("peak32", "float32"), std::pair("peak64", "float64"),
        std::pair("peak_tf32", "tf32"), std::pair("peak_bf16", "bfloat16")}) {
    if (sheet.has(key)) peaks[precision] = sheet.json(key);
  }
  const Json threads = sheet.has("cores") ? sheet.json("cores") : Json(1);
  Json bandwidth = Json::array();
  const auto add_bandwidth = [&](double working_set, const char* rate) {
    bandwidth.push_back({{"kernel", "data sheet"},
                         {"working_set_bytes", working_set},
                         {"threads", threads},
                         {"gbytes_per_second", sheet.json(rate)}});
  };
  const double cache = sheet.has("cache") ? sheet.number("cache") : 0;
  if (sheet.has("cache_bandwidth")) add_bandwidth(cache, "cache_bandwidth");
  // Streaming through a set of twice the cache's size has no hits in the cache.
  if (sheet.has("bandwidth")) add_bandwidth(std::max(2 * cache, 1.0), "bandwidth");
  Json latency = Json::array();
  if (sheet.has("latency_ns")) {
    latency.push_back({{"working_set_bytes", std::max(2 * cache, 1.0)},
                       {"pages", "huge"},
                       {"seconds", not_measured(1e-9 * sheet.number("latency_ns"))}});
  }
  Json dispatch = Json::object();
  if (sheet.has("launch_us")) {
    dispatch["empty_kernel"] = not_measured(1e-6 * sheet.number("launch_us"));
  }
  Json space = {{"concurrency", sheet.has("cores") ? sheet.json("cores") : Json()},
                {"peak_gflops", peaks},
                {"bandwidth", bandwidth},
                {"latency", latency},
                {"dispatch", dispatch}};
  if (sheet.is_gpu()) {
    space["transfer"] = Json::array();
    space["link_gbytes_per_second"] = sheet.json("link");
  }
  return space;
}

}  // namespace

const std::vector<DatasheetKey>& datasheet_keys() {
  static const std::vector<DatasheetKey> keys = {
      {"name", "", "the machine's name (needed)"},
      {"kind", "", "gpu or cpu (needed)"},
      {"source", "", "title or URL of the data sheet (needed)"},
      {"space", "", "cuda, hip or openmp (default: cuda of a gpu, openmp of a cpu)"},
      {"peak32", "GFLOP/s", "float32, all cores, without matrix units"},
      {"peak64", "GFLOP/s", "float64, likewise"},
      {"peak_tf32", "GFLOP/s", "tf32 matrix units, dense"},
      {"peak_bf16", "GFLOP/s", "bfloat16 matrix units, dense"},
      {"bandwidth", "GB/s", "from memory"},
      {"memory", "bytes", "of memory"},
      {"cache", "bytes", "of the last cache, all of it"},
      {"cache_bandwidth", "GB/s", "from the last cache"},
      {"latency_ns", "ns", "of a dependent load from memory"},
      {"launch_us", "µs", "of an empty kernel, launched back to back"},
      {"link", "GB/s", "between host and device, each way"},
      {"cores", "cores", "of a cpu, or multiprocessors of a gpu"},
  };
  return keys;
}

Json from_datasheet(const std::vector<std::string>& items) {
  const Sheet sheet(items);
  Json file = new_result("ridgeline-machine");
  file["machine"] = describe(sheet);
  file["measured"] = false;
  file["source"] = sheet.text("source");
  file["datasheet"] = sheet.items();
  file["complete"] = true;
  file["spaces"] = Json::object();
  file["spaces"][sheet.space()] = space_of(sheet);
  file["notes"] =
      Json::array({"nothing here was measured: the figures are those of a data sheet, which no "
                   "program reaches; "
                   "what the sheet does not say is absent"});
  return file;
}

}  // namespace ridgeline::machine
