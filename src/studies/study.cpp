#include "studies/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "io/units.hpp"
#include "machine/description.hpp"
#include "machine/space_memory.hpp"

namespace ridgeline::studies {

io::Json to_json(const Study& study) {
  io::Json file = machine::new_result("ridgeline-study");
  file["study"] = study.name;
  file["claim"] = study.claim;
  file["complete"] = study.complete;
  file["disturbed"] = machine::to_json(study.disturbance);
  file["settings"] = study.settings;
  file["points"] = study.points;
  file["fit"] = study.fit;
  file["answers"] = study.answers;
  file["notes"] = study.notes;
  return file;
}

io::Json to_json(const model::Estimate& estimate) {
  const auto number = [](double value) {
    return std::isfinite(value) ? io::Json(value) : io::Json();
  };
  return {{"value", number(estimate.value)},
          {"low", number(estimate.low)},
          {"high", number(estimate.high)},
          {"reached", estimate.reached()}};
}

std::string shown(const model::Estimate& estimate, const std::function<std::string(double)>& show) {
  const bool low = std::isfinite(estimate.low), high = std::isfinite(estimate.high);
  if (std::isinf(estimate.value)) {
    if (estimate.value > 0 && low) return "not reached (> " + show(estimate.low) + ")";
    if (estimate.value < 0 && high) return "at most " + show(estimate.high);
  }
  if (!estimate.reached()) {
    if (low && high) {
      return fmt::format("unclear ({} to {})", show(estimate.low), show(estimate.high));
    }
    return low    ? "unclear (> " + show(estimate.low) + ")"
           : high ? "unclear (< " + show(estimate.high) + ")"
                  : "unclear";
  }
  if (low && high) {
    return fmt::format("{} ({} to {})", show(estimate.value), show(estimate.low),
                       show(estimate.high));
  }
  return show(estimate.value) + (low    ? " (at least " + show(estimate.low) + ")"
                                 : high ? " (at most " + show(estimate.high) + ")"
                                        : "");
}

std::string shown_briefly(const model::Estimate& estimate,
                          const std::function<std::string(double)>& show) {
  if (std::isfinite(estimate.value)) return show(estimate.value);
  if (std::isinf(estimate.value) && estimate.value > 0) return "> " + show(estimate.low);
  if (std::isinf(estimate.value)) return "< " + show(estimate.high);
  return "unclear";
}

io::Cell estimate_cell(const model::Estimate& estimate,
                       const std::function<std::string(double)>& show) {
  return io::Cell::shown_as(estimate.value, shown(estimate, show), shown_briefly(estimate, show));
}

io::Cell bytes_cell(double bytes) {
  return io::Cell::shown_as(bytes, machine::readable_bytes(bytes));
}

io::Cell no_number(const std::string& text, const std::string& brief) {
  return io::Cell::shown_as(std::nan(""), text, brief);
}

namespace {

// A timing whose median stayed uncertain, in words, and how uncertain.
struct WideTiming {
  std::string what;
  double spread;
};

// "cuda, kernel, bytes 256": the texts and numbers with which a point begins, before its results.
std::string name_of_point(const io::Json& point) {
  std::string name;
  for (const auto& [key, value] : point.items()) {
    if (value.is_object()) break;
    if (key == "grows") continue;  // which of the sizes before it grows
    if (value.is_string()) {
      name += (name.empty() ? "" : ", ") + value.get<std::string>();
    } else if (value.is_number_integer()) {
      name += (name.empty() ? "" : ", ") + key + " " + value.dump();
    }
  }
  return name;
}

// The timings of one point, at whatever depth.
void add_wide(const io::Json& json, const std::string& name, std::vector<WideTiming>& wide) {
  if (!json.is_object()) return;
  const auto interval = json.find("median_interval");
  if (interval != json.end()) {
    Timing timing;
    timing.median = json.at("median");
    timing.low = interval->at(0);
    timing.high = interval->at(1);
    // A time that several modes of a point share is one.
    const bool known =
        !wide.empty() && wide.back().what == name && wide.back().spread == timing.spread();
    if (timing.is_wide() && !known) wide.push_back({name, timing.spread()});
    return;
  }
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) add_wide(value, name, wide);
  }
}

}  // namespace

void finish(Study& study, const Control& control) {
  study.complete = !control.should_stop();
  std::vector<WideTiming> wide;
  for (const io::Json& point : study.points) add_wide(point, name_of_point(point), wide);
  if (wide.empty()) return;
  std::stable_sort(wide.begin(), wide.end(),
                   [](const WideTiming& a, const WideTiming& b) { return a.spread > b.spread; });
  constexpr std::size_t kMostNamed = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(wide.size(), kMostNamed); ++i) {
    list += fmt::format("{}{} ({:.0f} %)", i > 0 ? "; " : "", wide[i].what, 100 * wide[i].spread);
  }
  if (wide.size() > kMostNamed) list += fmt::format("; and {} more", wide.size() - kMostNamed);
  study.notes.push_back(fmt::format(
      "the median's 95 % interval stayed wider than {:.0f} % of it for {} of the times: {}",
      100 * Timing::kWideSpread, wide.size(), list));
}

void require_order(const std::string& what, double from, double to) {
  if (from > 0 && from <= to) return;
  throw RequestError(what + ": the first must be positive and not above the second");
}

void require_threads(const std::vector<int>& counts) {
  const int most = Runtime::host_threads().count;
  for (const int count : counts) {
    if (count < 1 || count > most) {
      throw RequestError(fmt::format("--thread-counts: {} of {}; 1 to {} are possible", count,
                                     io::show_count(most, "thread"), most));
    }
  }
}

void require_memory(SpaceKind space, double bytes) {
  const double free = static_cast<double>(machine::free_memory_bytes(space));
  if (bytes <= 0.9 * free) return;
  throw RequestError(fmt::format(
      "a working set that takes {} of memory does not fit: {} are free on {}, of which nine tenths "
      "can be taken",
      machine::readable_bytes(bytes), machine::readable_bytes(free), to_string(space)));
}

SpaceKind host_among(const std::vector<SpaceKind>& spaces) {
  const bool openmp = std::find(spaces.begin(), spaces.end(), SpaceKind::openmp) != spaces.end();
  return openmp && Runtime::host_threads().count > 1 ? SpaceKind::openmp : SpaceKind::serial;
}

std::vector<int> host_thread_counts(std::vector<int> asked, SpaceKind host) {
  require_threads(asked);
  if (host == SpaceKind::serial) {
    const bool several = std::any_of(asked.begin(), asked.end(), [](int n) { return n > 1; });
    if (several) throw RequestError("--thread-counts: serial has one thread");
    return {1};
  }
  if (asked.empty()) return machine::thread_ladder(Runtime::host_threads().count);
  std::sort(asked.begin(), asked.end());
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  return asked;
}

std::string name_of(SpaceKind space) { return machine::is_host(space) ? "host" : to_string(space); }

bool reaches_memory(SpaceKind space, double largest, std::vector<std::string>& notes) {
  const double caches = static_cast<double>(machine::all_cache_bytes(space));
  if (largest >= 2 * caches) return true;
  notes.push_back(fmt::format(
      "{}: the largest working set is {} and the caches of its threads hold {}: nothing here is "
      "said "
      "of memory",
      name_of(space), machine::readable_bytes(largest), machine::readable_bytes(caches)));
  return false;
}

void note_binding(std::vector<std::string>& notes) {
  const HostThreads& threads = Runtime::host_threads();
  if (threads.bound) return;
  notes.push_back("the host's threads are not bound to processors (" + threads.binding +
                  "): they may move while they measure, so times are too long and vary");
}

}  // namespace ridgeline::studies
