#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

// Timing statistics and options; core/timing.hpp measures. Does not include Kokkos's headers.

namespace ridgeline {

/// Seconds per call over all repetitions. Results state the median; ceilings use the minimum.
struct Timing {
  double min = 0;
  double median = 0;
  double max = 0;
  int repeats = 0;  ///< samples; each may be the mean of a batch of calls
  /// 95 % interval of the median, see median_interval_rank(); min and max if there are too few
  /// samples.
  double low = 0, high = 0;
  /// All samples, or kMostSamples of them spread over the run, in chronological order.
  std::vector<double> samples = {};

  /// Returns the timing of one of `count` equal parts of a call.
  Timing per(double count) const;

  /// Returns the width of the median's 95 % interval, relative to the median.
  double spread() const { return median > 0 ? (high - low) / median : 0; }
  /// Returns whether the median is too uncertain to be printed without its spread.
  bool is_wide() const { return spread() > kWideSpread; }

  static constexpr std::size_t kMostSamples = 64;
  static constexpr double kWideSpread = 0.1;
};

/// Writes `{"min", "median", "max", "repeats", "samples", "median_interval"}`; nlohmann's JSON
/// finds this by argument-dependent lookup, so that `json["seconds"] = timing` works although this
/// header does not include the library.
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

/// Returns `values`, or `most` evenly spaced ones of them if there are more, in their order.
std::vector<double> spread_evenly(const std::vector<double>& values, std::size_t most);

/// Returns the rank, from 1, of the 95 % interval of the median of n values: it extends from the
/// `rank`-th smallest to the `rank`-th largest, for any distribution (order statistics: the number
/// of values below the median is binomial). Returns 0 if n < 6, where no such interval exists.
std::size_t median_interval_rank(std::size_t n);

/// Computes minimum, median (mean of the middle two) and maximum of `seconds`; all zero if it is
/// empty.
Timing summarize(std::vector<double> seconds);

/// Returns the median of `values`, 0 if there are none.
double median_of(std::vector<double> values);

namespace detail {

inline double steady_seconds() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

/// The clock that host_seconds() reads; tests substitute their own.
inline double (*clock)() = steady_seconds;

}  // namespace detail

/// Returns the seconds of the host's monotonic clock since an arbitrary epoch.
inline double host_seconds() { return detail::clock(); }

/// The clock of a measurement.
enum class Clock {
  device,  ///< events on a device's stream; on a host, the host's clock
  host,    ///< end to end for the caller: the host's clock until a fence returns
};

/// Duration and number of the repetitions of `measure`.
struct MeasureOptions {
  int min_repeats = 10;
  double min_seconds = 0.2;       ///< of timed work in total
  double warm_up_seconds = 0.05;  ///< of untimed calls (at least one)
  double batch_below = 50e-6;     ///< a shorter call is timed in batches
  double batch_seconds = 200e-6;  ///< duration of such a batch
  Clock clock = Clock::device;
  /// Repetitions continue until the median's 95 % interval is this narrow, relative to the median,
  /// for at most `patience` times `min_seconds`.
  double target_spread = 0.04;
  double patience = 4;
  std::function<bool()> stopped;  ///< called after each repetition; true ends them; may be empty
  bool should_stop() const { return stopped && stopped(); }

  /// Returns the options for a point of a ladder: 7 repeats and 20 ms, warmed up by the previous
  /// points.
  static MeasureOptions ladder_point() {
    MeasureOptions options;
    options.min_repeats = 7;
    options.min_seconds = 0.02;
    options.warm_up_seconds = 0;
    return options;
  }
};

/// Result of a check that measured time is proportional to the work.
struct TimerCheck {
  double ratio = 0;  ///< T(2R) / (2 T(R)); 1 for a perfect timer
  bool ok = false;   ///< within 10 %
};

}  // namespace ridgeline
