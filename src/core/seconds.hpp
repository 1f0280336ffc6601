#pragma once

#include <chrono>
#include <functional>
#include <vector>

// What is said of times, and how they are to be taken; core/timing.hpp takes them. Nothing here
// needs Kokkos's headers.

namespace ridgeline {

/// Seconds of one call over all repetitions. The median is quoted; a ceiling uses the minimum.
struct Timing {
  double min = 0;
  double median = 0;
  double max = 0;
  int repeats = 0;  ///< samples; each may be the mean of a batch of calls

  /// The same for one of `count` equal parts of a call.
  Timing per(double count) const { return {min / count, median / count, max / count, repeats}; }
};

/// Writes `{"min", "median", "max", "repeats"}`; nlohmann's JSON finds this by its arguments, so
/// that `json["seconds"] = timing` works without this header knowing the JSON library.
template <class Json>
void to_json(Json& json, const Timing& timing) {
  json = Json::object();
  json["min"] = timing.min;
  json["median"] = timing.median;
  json["max"] = timing.max;
  json["repeats"] = timing.repeats;
}

/// Minimum, median (mean of the middle two) and maximum of `seconds`; all zero where it is empty.
Timing summarize(std::vector<double> seconds);

/// The median of `values`, 0 where there are none.
double median_of(std::vector<double> values);

/// Seconds of the host's monotonic clock since an arbitrary moment.
inline double host_seconds() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

/// Which clock a time comes from.
enum class Clock {
  device,  ///< what the space itself took: events on a device's stream, the host's clock on a host
  host,    ///< end to end as the caller sees it: the host's clock up to the end of a fence
};

/// How long and how often `measure` repeats.
struct MeasureOptions {
  int min_repeats = 10;
  double min_seconds = 0.2;       ///< of timed work in all
  double warm_up_seconds = 0.05;  ///< of untimed calls before (at least one call)
  double batch_below = 50e-6;     ///< a shorter call is timed in batches
  double batch_seconds = 200e-6;  ///< how long such a batch lasts
  Clock clock = Clock::device;
  std::function<bool()> stopped;  ///< asked after each repetition; true ends them; may be empty
  bool should_stop() const { return stopped && stopped(); }

  /// A point of a ladder: 7 repeats and 20 ms, already warm from the points before it.
  static MeasureOptions ladder_point() {
    MeasureOptions options;
    options.min_repeats = 7;
    options.min_seconds = 0.02;
    options.warm_up_seconds = 0;
    return options;
  }
};

/// Whether a timer is proportional to the work.
struct TimerCheck {
  double ratio = 0;  ///< T(2R) / (2 T(R)); 1 for a perfect timer
  bool ok = false;   ///< within 10 %
};

}  // namespace ridgeline
