#include "core/guard.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <utility>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "core/processors.hpp"

namespace ridgeline {
namespace {

Guard* watching = nullptr;

/// Seconds; a shorter window at the end is discarded.
constexpr double kShortestWindow = 0.3;
/// Pulses, including the reload of evicted cache lines, take at most 1 / kPulsePeriods of the time.
constexpr double kPulsePeriods = 100;

// Alarm thresholds per window. The counters of /proc/stat advance in ticks of 10 ms.
constexpr double kMostWaiting = 0.02;        ///< of the threads' time, plus
constexpr double kWakingUp = 2e-3;           ///< seconds
constexpr double kMostStolen = 0.01;         ///< of the processors' time
constexpr double kMostOthers = 0.1;          ///< processors, plus
constexpr double kMostOthersShare = 0.01;    ///< of the machine's processors
constexpr double kTickError = 0.03;          ///< seconds
constexpr std::size_t kFewestPulses = 3;     ///< of a window, for a median
constexpr double kSlowPulse = 1.5;           ///< relative to the fastest window
constexpr double kMostDisturbedShare = 0.1;  ///< of the time
constexpr double kShortestTime = 1e-9;       ///< seconds; lower bound of divisors

std::vector<int> pool_threads(int count) {
#if defined(_OPENMP)
  std::vector<int> numbers(static_cast<std::size_t>(count));
#pragma omp parallel num_threads(count)
  numbers[static_cast<std::size_t>(omp_get_thread_num())] = this_thread_number();
  return numbers;
#else
  (void)count;
  return {this_thread_number()};
#endif
}

std::optional<double> difference(const std::optional<double>& after,
                                 const std::optional<double>& before) {
  if (!after || !before) return {};
  return std::max(0.0, *after - *before);
}

void add(std::optional<double>& sum, const std::optional<double>& part) {
  if (part) sum = sum.value_or(0) + *part;
}

Pulse::Seconds median_of_pulses(const std::vector<Pulse::Seconds>& pulses) {
  std::vector<double> arithmetic, stream;
  for (const Pulse::Seconds& pulse : pulses) {
    arithmetic.push_back(pulse.arithmetic);
    stream.push_back(pulse.stream);
  }
  return {median_of(arithmetic), median_of(stream)};
}

std::string formatted(const char* format, double value) {
  char text[200];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

/// The windows in which one cause raised an alarm.
struct Cause {
  double seconds = 0;            ///< of these windows
  double processor_seconds = 0;  ///< lost to the cause in them

  bool count(bool alarm, const WatchedWindow& window, const std::optional<double>& lost = {}) {
    if (alarm) seconds += window.seconds;
    if (alarm) processor_seconds += lost.value_or(0);
    return alarm;
  }
};

struct Causes {
  Cause waiting, others, steal, pulse, exchange;
  double seconds = 0;  ///< of the windows with any alarm

  double most_seconds() const {
    return std::max(
        {waiting.seconds, others.seconds, steal.seconds, pulse.seconds, exchange.seconds});
  }
};

void summarize_pulses(const std::vector<WatchedWindow>& windows, Disturbance& result) {
  std::vector<double> arithmetic, stream, exchange;
  for (const WatchedWindow& window : windows) {
    if (!window.exchange.empty()) {
      // A window begins at the end of the previous one.
      if (exchange.empty()) exchange.push_back(window.exchange.front());
      exchange.push_back(window.exchange.back());
    }
    if (!window.pulse) continue;
    arithmetic.push_back(window.pulse->arithmetic);
    stream.push_back(window.pulse->stream);
  }
  result.arithmetic_pulse = summarize(arithmetic);
  result.stream_pulse = summarize(stream);
  result.exchange_pulse = summarize(exchange);
}

void average_counters(const std::vector<WatchedWindow>& windows, const Watched& watched,
                      Disturbance& result) {
  std::optional<double> waiting, others, stolen, pressure;
  for (const WatchedWindow& window : windows) {
    add(waiting, window.waiting);
    add(others, window.others);
    add(stolen, window.stolen);
    add(pressure, window.pressure);
  }
  const double seconds = std::max(result.seconds, kShortestTime);
  if (waiting) result.waiting_share = *waiting / (seconds * watched.threads);
  if (others) result.other_processors = *others / seconds;
  if (stolen) result.steal_share = *stolen / (seconds * watched.processors);
  if (pressure) result.pressure_share = *pressure / seconds;
}

/// Evaluates the alarms of every window, whose pulses are compared with the fastest in `pulses`.
Causes find_causes(const std::vector<WatchedWindow>& windows, const Watched& watched,
                   const Disturbance& pulses) {
  const double most_others = kMostOthers + kMostOthersShare * watched.machine_processors;
  const double slow_arithmetic = kSlowPulse * pulses.arithmetic_pulse.min;
  const double slow_stream = kSlowPulse * pulses.stream_pulse.min;
  const double slow_exchange = kSlowPulse * pulses.exchange_pulse.min;
  Causes causes;
  for (const WatchedWindow& window : windows) {
    const double s = window.seconds;
    const bool alarms[] = {
        causes.waiting.count(
            window.waiting.value_or(0) > kMostWaiting * s * watched.threads + kWakingUp, window,
            window.waiting),
        causes.others.count(window.others.value_or(0) > most_others * s + kTickError, window,
                            window.others),
        causes.steal.count(
            window.stolen.value_or(0) > kMostStolen * s * watched.processors + kTickError, window,
            window.stolen),
        causes.pulse.count(window.pulse && (window.pulse->arithmetic > slow_arithmetic ||
                                            window.pulse->stream > slow_stream),
                           window),
        causes.exchange.count(std::any_of(window.exchange.begin(), window.exchange.end(),
                                          [&](double time) { return time > slow_exchange; }),
                              window)};
    if (std::find(std::begin(alarms), std::end(alarms), true) != std::end(alarms)) {
      causes.seconds += s;
    }
  }
  return causes;
}

/// Returns a sentence for each cause of most of the disturbed windows.
std::vector<std::string> reasons_of(const Causes& causes, const Watched& watched,
                                    const Disturbance& result) {
  std::vector<std::string> reasons;
  const auto add_if_frequent = [&](const Cause& cause, const auto& sentence) {
    if (cause.seconds == 0 || cause.seconds < causes.most_seconds() / 2) return;
    reasons.push_back(sentence() + formatted(" (in %.0f", std::ceil(cause.seconds)) +
                      formatted(" of %.0f s)", std::ceil(result.seconds)));
  };
  const auto percent_lost = [](const Cause& cause, int count) {
    return 100 * cause.processor_seconds / (cause.seconds * count);
  };
  const auto slowest = [](const Timing& pulse) { return pulse.max / pulse.min; };
  add_if_frequent(causes.waiting, [&] {
    return formatted("the threads waited for a processor %.1f %% of the time",
                     percent_lost(causes.waiting, watched.threads));
  });
  add_if_frequent(causes.others, [&] {
    return formatted("other processes kept %.1f",
                     causes.others.processor_seconds / causes.others.seconds) +
           formatted(" of %.0f processors busy", watched.machine_processors);
  });
  add_if_frequent(causes.steal, [&] {
    return formatted("the hypervisor took %.1f %% of the processors' time",
                     percent_lost(causes.steal, watched.processors));
  });
  add_if_frequent(causes.pulse, [&] {
    return formatted("a pulse of known work took up to %.2f times as long as its fastest",
                     std::max(slowest(result.arithmetic_pulse), slowest(result.stream_pulse)));
  });
  add_if_frequent(causes.exchange, [&] {
    return formatted("reading data of another thread took up to %.2f times as long as at best",
                     slowest(result.exchange_pulse));
  });
  return reasons;
}

}  // namespace

Disturbance judge(const std::vector<WatchedWindow>& windows, const Watched& watched) {
  Disturbance result;
  for (const WatchedWindow& window : windows) result.seconds += window.seconds;
  summarize_pulses(windows, result);
  average_counters(windows, watched, result);
  const Causes causes = find_causes(windows, watched, result);
  result.disturbed_seconds = causes.seconds;
  if (result.disturbed_seconds > kMostDisturbedShare * std::max(result.seconds, kShortestTime)) {
    result.reasons = reasons_of(causes, watched, result);
  }
  return result;
}

Guard* Guard::current() { return watching; }

Guard::Guard(SpaceKind space, bool alone)
    : Guard(space == SpaceKind::openmp ? Runtime::host_threads().count : 1) {
  alone_ = alone;
}

Guard::Guard(int threads)
    : threads_(pool_threads(std::max(1, threads))),
      pulse_(threads),
      pressure_before_(cpu_pressure_avg10()) {
  const HostThreads& all = Runtime::host_threads();
  if (threads > 1) processors_ = all.bound ? all.placed_processors() : all.cpus;
  if (processors_.empty()) processors_ = ProcessorMask::of_this_thread().processors();
  constexpr int kFirstPulses = 20;
  for (int i = 0; i < kFirstPulses; ++i) make_pulse();
  // Consecutive pulses have warm caches and running threads, unlike the later ones, which are
  // compared with each other.
  pulses_.clear();
  exchange_ = pulse_.exchange();
  begin_ = window_begin_ = read_system_load(threads_, processors_);
  watching = this;
}

Guard::~Guard() { watching = nullptr; }

void Guard::make_pulse() { pulses_.push_back(pulse_.run()); }

void Guard::count_cost(double begin) {
  const double now = host_seconds();
  pulse_seconds_ += now - begin;
  due_ = std::max(due_, now + (kPulsePeriods - 1) * (now - begin));
}

WatchedWindow Guard::window_from(const SystemLoad& before, const SystemLoad& after) const {
  WatchedWindow window;
  window.seconds = after.at - before.at;
  const double own = after.process_cpu - before.process_cpu;
  const double children = after.children_cpu - before.children_cpu;
  window.waiting = difference(after.waiting, before.waiting);
  if (window.waiting) {
    // Threads of this process that load batches and write checkpoints use these processors too.
    const double own_others = own - (after.thread_cpu - before.thread_cpu);
    window.waiting = std::max(0.0, *window.waiting - std::max(0.0, own_others));
  }
  if (alone_) window.others = difference(after.busy, before.busy);
  if (window.others) window.others = std::max(0.0, *window.others - own - children);
  window.stolen = difference(after.stolen, before.stolen);
  window.pressure = difference(after.pressure, before.pressure);
  return window;
}

void Guard::end_window() {
  const SystemLoad now = read_system_load(threads_, processors_);
  WatchedWindow window = window_from(window_begin_, now);
  // The end of a window is the beginning of the next.
  const double at_begin = std::exchange(exchange_, pulse_.exchange());
  if (exchange_ > 0) window.exchange = {at_begin, exchange_};
  if (pulses_.size() >= kFewestPulses) window.pulse = median_of_pulses(pulses_);
  windows_.push_back(window);
  pulses_.clear();
  window_begin_ = now;
  if (const auto clock = clock_frequency(processors_.empty() ? 0 : processors_.front())) {
    slowest_clock_ = std::min(slowest_clock_.value_or(*clock), *clock);
    fastest_clock_ = std::max(fastest_clock_.value_or(*clock), *clock);
  }
}

Disturbance Guard::report() {
  if (windows_.empty() || host_seconds() - window_begin_.at >= kShortestWindow) end_window();
  Watched watched;
  watched.threads = static_cast<int>(threads_.size());
  watched.processors = static_cast<int>(std::max<std::size_t>(1, processors_.size()));
  watched.machine_processors = processor_count();
  Disturbance result = judge(windows_, watched);
  result.pressure_avg10_before = pressure_before_;
  result.pressure_avg10_after = cpu_pressure_avg10();
  result.load_average = ridgeline::load_average();
  result.involuntary_switches = window_begin_.involuntary_switches - begin_.involuntary_switches;
  result.pulse_cost = pulse_seconds_ / std::max(result.seconds, kShortestTime);
  result.slowest_clock_hertz = slowest_clock_;
  result.fastest_clock_hertz = fastest_clock_;
  return result;
}

}  // namespace ridgeline
