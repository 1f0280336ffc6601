#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/pulse.hpp"
#include "core/runtime.hpp"
#include "core/seconds.hpp"
#include "core/system_load.hpp"

namespace ridgeline {

/// Disturbances of a measurement that this process can detect. Shares and processor counts are
/// means over the observed time.
struct Disturbance {
  double seconds = 0;            ///< observed time
  double disturbed_seconds = 0;  ///< of it in windows (about a second each) with an alarm
  /// One sentence per kind of disturbance; empty if the measurement was undisturbed.
  std::vector<std::string> reasons;

  /// Share of the threads' time in which they were ready to run and another process ran.
  std::optional<double> waiting_share;
  std::optional<double> other_processors;  ///< processors kept busy by other processes
  std::optional<double> steal_share;       ///< of the processors' time, stolen by the hypervisor
  std::optional<double> pressure_share;  ///< of the time, with some thread waiting for a processor
  std::optional<double> pressure_avg10_before, pressure_avg10_after;  ///< percent
  std::optional<double> load_average;  ///< one-minute average, at the end
  long involuntary_switches = 0;
  Timing arithmetic_pulse, stream_pulse;  ///< of Pulse::run()
  Timing exchange_pulse;                  ///< of Pulse::exchange(); no repeats with one thread
  double pulse_cost = 0;                  ///< share of the time spent in pulses
  std::optional<double> slowest_clock_hertz, fastest_clock_hertz;

  bool alarm() const { return !reasons.empty(); }
};

/// About a second of observation: times in seconds, and medians of the pulses.
struct WatchedWindow {
  double seconds = 0;
  std::optional<double> waiting;   ///< the threads were ready to run, and another process ran
  std::optional<double> others;    ///< processor time of other processes on the machine
  std::optional<double> stolen;    ///< stolen from the observed processors
  std::optional<double> pressure;  ///< with some thread of the machine waiting
  std::optional<Pulse::Seconds> pulse;
  std::vector<double> exchange = {};  ///< Pulse::exchange() at beginning and end
};

/// Threads and processors under observation.
struct Watched {
  int threads = 1;             ///< observed threads of this process
  int processors = 1;          ///< that these threads may use
  int machine_processors = 1;  ///< of the whole machine
};

/// Evaluates windows. A window has an alarm if the threads waited for over 2 % of their time, other
/// processes used over a tenth of a processor (and a hundredth of the machine), the hypervisor
/// stole over 1 %, or pulses or exchanges took 1.5 times as long as in the fastest window. The
/// measurement is disturbed if windows with an alarm make up over a tenth of the time.
Disturbance judge(const std::vector<WatchedWindow>& windows, const Watched& watched);

/// Detects disturbances from construction to `report`, by pulses of known work, which
/// watch_for_disturbance() runs at intervals, and by kernel counters; see judge(). At most one may
/// exist. It is used by the measuring thread, while a Runtime exists.
class Guard {
 public:
  /// Observes the first `threads` threads of OpenMP's pool, which compute or launch on a device.
  explicit Guard(int threads);
  /// Observes the threads that compute on a space. `alone`: other processes that use processors are
  /// a disturbance; otherwise they may be ranks of the same run.
  explicit Guard(SpaceKind space, bool alone = true);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  static Guard* current();

  /// Ends the window if it is long enough and runs a pulse if one is due. Then calls `rewarm` to
  /// reload the evicted cache lines if the measured work is so short (`body_seconds`) that cold
  /// caches would affect it. The overhead is at most about a hundredth of the time.
  template <class Rewarm>
  void watch(double body_seconds, const Rewarm& rewarm) {
    const double now = host_seconds();
    const bool ends = now - window_begin_.at >= kWindowSeconds;
    if (!ends && now < due_) return;
    if (ends) end_window();
    // Long work leaves few opportunities for pulses, and a window needs several.
    const int pulses = now < due_ ? 0 : body_seconds < kLongBody ? 1 : 3;
    for (int i = 0; i < pulses; ++i) make_pulse();
    if (body_seconds < kColdCacheBody) rewarm();
    count_cost(now);
  }

  /// Returns the disturbances detected so far; observation continues.
  Disturbance report();

 private:
  static constexpr double kWindowSeconds = 1;
  /// Seconds: reloading 128 KiB into a core's cache takes about 10 µs.
  static constexpr double kColdCacheBody = 2e-3;
  static constexpr double kLongBody = 0.1;  ///< seconds

  void make_pulse();
  void count_cost(double begin);
  void end_window();

  WatchedWindow window_from(const SystemLoad& before, const SystemLoad& after) const;

  std::vector<int> threads_, processors_;
  bool alone_ = true;
  Pulse pulse_;
  SystemLoad begin_, window_begin_;
  std::optional<double> pressure_before_;
  std::vector<WatchedWindow> windows_;
  std::vector<Pulse::Seconds> pulses_;  // of the current window
  double exchange_ = 0;                 // at the beginning of the window
  double due_ = 0, pulse_seconds_ = 0;
  std::optional<double> slowest_clock_, fastest_clock_;
};

/// Calls Guard::watch() if a Guard exists; to be called between two samples of a measurement.
template <class Rewarm>
void watch_for_disturbance(double body_seconds, const Rewarm& rewarm) {
  if (Guard* const guard = Guard::current()) guard->watch(body_seconds, rewarm);
}

}  // namespace ridgeline
