#include "studies/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

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

void Study::add_point(io::Json point, const std::string& point_name,
                      const std::vector<Timing>& seconds) {
  points.push_back(std::move(point));
  for (const Timing& timing : seconds) timings.push_back({point_name, timing});
}

void finish(Study& study, const Control& control) {
  study.complete = !control.should_stop();
  std::vector<const NamedTiming*> wide;
  for (const NamedTiming& timing : study.timings) {
    // A time that several modes of a point have in common counts once.
    const bool known = !wide.empty() && wide.back()->point == timing.point &&
                       wide.back()->seconds.spread() == timing.seconds.spread();
    if (timing.seconds.is_wide() && !known) wide.push_back(&timing);
  }
  if (wide.empty()) return;
  std::stable_sort(wide.begin(), wide.end(), [](const NamedTiming* a, const NamedTiming* b) {
    return a->seconds.spread() > b->seconds.spread();
  });
  constexpr std::size_t kMostNamed = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(wide.size(), kMostNamed); ++i) {
    list += fmt::format("{}{} ({:.0f} %)", i > 0 ? "; " : "", wide[i]->point,
                        100 * wide[i]->seconds.spread());
  }
  if (wide.size() > kMostNamed) list += fmt::format("; and {} more", wide.size() - kMostNamed);
  study.notes.push_back(fmt::format(
      "the median's 95 % interval stayed wider than {:.0f} % of it for {} of the times: {}",
      100 * Timing::kWideSpread, wide.size(), list));
}

void require_order(const std::string& options, double from, double to) {
  if (from > 0 && from <= to) return;
  throw RequestError(options + ": the first must be positive and not above the second");
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

std::vector<int> host_thread_counts(std::vector<int> requested, SpaceKind host) {
  require_threads(requested);
  if (host == SpaceKind::serial) {
    const bool several =
        std::any_of(requested.begin(), requested.end(), [](int n) { return n > 1; });
    if (several) throw RequestError("--thread-counts: serial has one thread");
    return {1};
  }
  if (requested.empty()) return machine::thread_ladder(Runtime::host_threads().count);
  std::sort(requested.begin(), requested.end());
  requested.erase(std::unique(requested.begin(), requested.end()), requested.end());
  return requested;
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
