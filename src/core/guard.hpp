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

/// What disturbed a measurement, as far as the process can notice. Shares and processors are means
/// over the time that was watched.
struct Disturbance {
  double seconds = 0;            ///< watched
  double disturbed_seconds = 0;  ///< of them in windows (about a second each) with an alarm
  /// One sentence for each kind of disturbance; empty if the measurement was quiet.
  std::vector<std::string> reasons;

  /// Of the threads' time, ready to run while something else than this process ran there.
  std::optional<double> waiting_share;
  std::optional<double> other_processors;  ///< processors that other processes kept busy
  std::optional<double> steal_share;       ///< of the processors' time, taken by the hypervisor
  std::optional<double> pressure_share;    ///< of the time, some thread waited for a processor
  std::optional<double> pressure_avg10_before, pressure_avg10_after;  ///< percent
  std::optional<double> load_average;                                 ///< over a minute, at the end
  long involuntary_switches = 0;
  Timing arithmetic_pulse, stream_pulse;  ///< of Pulse
  Timing exchange_pulse;                  ///< Pulse::exchange(); without repeats for one thread
  double pulse_cost = 0;                  ///< share of the time that pulses took
  std::optional<double> slowest_clock_hertz, fastest_clock_hertz;

  bool alarm() const { return !reasons.empty(); }
};

/// About a second of watching: times in seconds, and the medians of its pulses.
struct WatchedWindow {
  double seconds = 0;
  std::optional<double> waiting;   ///< the threads were ready to run, and another process ran
  std::optional<double> others;    ///< that other processes kept processors of the machine busy
  std::optional<double> stolen;    ///< of the watched processors
  std::optional<double> pressure;  ///< some thread of the machine waited
  std::optional<Pulse::Seconds> pulse;
  std::vector<double> exchange = {};  ///< Pulse::exchange() at its beginning and its end
};

/// What is watched.
struct Watched {
  int threads = 1;             ///< of this process
  int processors = 1;          ///< that these may use
  int machine_processors = 1;  ///< of the whole machine
};

/// Judges windows. One has an alarm if the threads waited for over 2 % of their time, others kept
/// over a tenth of a processor (and a hundredth of the machine) busy, the hypervisor took over 1 %,
/// or pulses or exchanges took 1.5 times as long as in the fastest window. The measurement is
/// disturbed if windows with an alarm make up over a tenth of the time.
Disturbance judge(const std::vector<WatchedWindow>& windows, const Watched& watched);

/// Watches for disturbances from its construction to `report`: by pulses of known work, of which
/// watch_for_disturbance() makes one now and then, and by what the kernel counts; see judge(). At
/// most one at a time. It belongs to the thread that measures, with a Runtime running.
class Guard {
 public:
  /// Watches the first `threads` of OpenMP's pool: those that compute, or drive a device.
  explicit Guard(int threads);
  /// Watches those that compute on a space.
  explicit Guard(SpaceKind space);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  static Guard* current();

  /// Ends the window if it is long enough, makes a pulse if one is due, and then calls `rewarm` to
  /// bring back what these drove out of the caches, if `body_seconds`, what the measured work
  /// takes, are so few that it would notice. All together take at most about a hundredth of the
  /// time.
  template <class Rewarm>
  void watch(double body_seconds, const Rewarm& rewarm) {
    const double now = host_seconds();
    const bool ends = now - window_begin_.at >= kWindowSeconds;
    if (!ends && now < due_) return;
    if (ends) end_window();
    // Between long pieces of work there are few occasions, and a window needs several.
    const int pulses = now < due_ ? 0 : body_seconds < kLongBody ? 1 : 3;
    for (int i = 0; i < pulses; ++i) make_pulse();
    if (body_seconds < kNoticesColdCache) rewarm();
    count_cost(now);
  }

  /// Returns what was noticed until now; watching goes on.
  Disturbance report();

 private:
  static constexpr double kWindowSeconds = 1;
  /// Seconds: to bring 128 KiB back into a core's cache takes about 10 µs.
  static constexpr double kNoticesColdCache = 2e-3;
  static constexpr double kLongBody = 0.1;  ///< seconds

  void make_pulse();
  void count_cost(double begin);
  void end_window();

  WatchedWindow window_from(const SystemLoad& before, const SystemLoad& after) const;

  std::vector<int> threads_, processors_;
  Pulse pulse_;
  SystemLoad begin_, window_begin_;
  std::optional<double> pressure_before_;
  std::vector<WatchedWindow> windows_;
  std::vector<Pulse::Seconds> pulses_;  // of the window that is open
  double exchange_ = 0;                 // at its beginning
  double due_ = 0, pulse_seconds_ = 0;
  std::optional<double> slowest_clock_, fastest_clock_;
};

/// What every loop that measures calls between two samples: Guard::watch(), if there is one.
template <class Rewarm>
void watch_for_disturbance(double body_seconds, const Rewarm& rewarm) {
  if (Guard* const guard = Guard::current()) guard->watch(body_seconds, rewarm);
}

}  // namespace ridgeline
