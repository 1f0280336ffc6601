#pragma once

#include <chrono>
#include <cstddef>
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
  /// 95 % interval of the median, see median_interval_rank(); min and max if there are too few.
  double low = 0, high = 0;
  /// In the order in which they were taken: all, or kMostSamples of them, spread over the run.
  std::vector<double> samples = {};

  /// Returns the same for one of `count` equal parts of a call.
  Timing per(double count) const;

  /// Returns the width of the median's 95 % interval, relative to the median.
  double spread() const { return median > 0 ? (high - low) / median : 0; }
  /// Returns whether the median is too uncertain to be printed without its spread.
  bool is_wide() const { return spread() > kWideSpread; }

  static constexpr std::size_t kMostSamples = 64;
  static constexpr double kWideSpread = 0.1;
};

/// Writes `{"min", "median", "max", "repeats", "samples", "median_interval"}`; nlohmann's JSON
/// finds this by its arguments, so that `json["seconds"] = timing` works although this header does
/// not include the library.
template <class Json>
void to_json(Json& json, const Timing& timing) {
  json = Json::object();
  json["min"] = timing.min;
  json["median"] = timing.median;
  json["max"] = timing.max;
  json["repeats"] = timing.repeats;
  json["samples"] = timing.samples;
  json["median_interval"] = {timing.low, timing.high};
}

/// Returns `values` or, of more than `most`, so many of them, spread evenly, in their order.
std::vector<double> spread_evenly(const std::vector<double>& values, std::size_t most);

/// The 95 % interval of the median of n values, as ranks in increasing order, from 1: the `rank`-th
/// smallest and the `rank`-th largest, whatever the distribution (order statistics: the number of
/// values below the median is binomial). Returns 0 if n < 6, where there is no such interval.
std::size_t median_interval_rank(std::size_t n);

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
  /// Repetitions go on until the median's 95 % interval is this narrow, relative to the median, but
  /// not beyond `patience` times `min_seconds`.
  double target_spread = 0.04;
  double patience = 4;
  std::function<bool()> stopped;  ///< called after each repetition; true ends them; may be empty
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
