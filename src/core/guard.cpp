#include "core/guard.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
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

}  // namespace

Disturbance judge(const std::vector<WatchedWindow>& windows, const Watched& watched) {
  Disturbance result;
  std::vector<double> arithmetic, stream, exchange;
  for (const WatchedWindow& window : windows) {
    result.seconds += window.seconds;
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
  const double fastest_arithmetic = result.arithmetic_pulse.min;
  const double fastest_stream = result.stream_pulse.min;
  const double fastest_exchange = result.exchange_pulse.min;

  std::optional<double> waiting, others, stolen, pressure;
  double by_waiting = 0, by_others = 0, by_steal = 0, by_slow = 0, by_exchange = 0;
  // Processor seconds in the windows with the respective alarm.
  double waited = 0, taken_by_others = 0, taken_by_hypervisor = 0;
  for (const WatchedWindow& window : windows) {
    add(waiting, window.waiting);
    add(others, window.others);
    add(stolen, window.stolen);
    add(pressure, window.pressure);
    const double s = window.seconds;
    const double most_others = kMostOthers + kMostOthersShare * watched.machine_processors;
    const bool waiting_alarm =
        window.waiting.value_or(0) > kMostWaiting * s * watched.threads + kWakingUp;
    const bool others_alarm = window.others.value_or(0) > most_others * s + kTickError;
    const bool steal_alarm =
        window.stolen.value_or(0) > kMostStolen * s * watched.processors + kTickError;
    const bool pulse_alarm =
        window.pulse && (window.pulse->arithmetic > kSlowPulse * fastest_arithmetic ||
                         window.pulse->stream > kSlowPulse * fastest_stream);
    const bool exchange_alarm = !window.exchange.empty() &&
                                *std::max_element(window.exchange.begin(), window.exchange.end()) >
                                    kSlowPulse * fastest_exchange;
    by_waiting += waiting_alarm ? s : 0;
    by_others += others_alarm ? s : 0;
    by_steal += steal_alarm ? s : 0;
    waited += waiting_alarm ? *window.waiting : 0;
    taken_by_others += others_alarm ? *window.others : 0;
    taken_by_hypervisor += steal_alarm ? *window.stolen : 0;
    by_slow += pulse_alarm ? s : 0;
    by_exchange += exchange_alarm ? s : 0;
    result.disturbed_seconds +=
        waiting_alarm || others_alarm || steal_alarm || pulse_alarm || exchange_alarm ? s : 0;
  }
  const double seconds = std::max(result.seconds, 1e-9);
  if (waiting) result.waiting_share = *waiting / (seconds * watched.threads);
  if (others) result.other_processors = *others / seconds;
  if (stolen) result.steal_share = *stolen / (seconds * watched.processors);
  if (pressure) result.pressure_share = *pressure / seconds;
  if (result.disturbed_seconds <= kMostDisturbedShare * seconds) return result;

  // Only the causes of most of the disturbed windows are reported.
  const double most = std::max({by_waiting, by_others, by_steal, by_slow, by_exchange});
  const auto is_frequent = [&](double part) { return part > 0 && part >= most / 2; };
  const auto in = [&](double part) {
    return formatted(" (in %.0f", std::ceil(part)) + formatted(" of %.0f s)", std::ceil(seconds));
  };
  if (is_frequent(by_waiting)) {
    result.reasons.push_back(formatted("the threads waited for a processor %.1f %% of the time",
                                       100 * waited / (by_waiting * watched.threads)) +
                             in(by_waiting));
  }
  if (is_frequent(by_others)) {
    result.reasons.push_back(formatted("other processes kept %.1f", taken_by_others / by_others) +
                             formatted(" of %.0f processors busy", watched.machine_processors) +
                             in(by_others));
  }
  if (is_frequent(by_steal)) {
    result.reasons.push_back(
        formatted("the hypervisor took %.1f %% of the processors' time",
                  100 * taken_by_hypervisor / (by_steal * watched.processors)) +
        in(by_steal));
  }
  if (is_frequent(by_slow)) {
    result.reasons.push_back(
        formatted("a pulse of known work took up to %.2f times as long as its fastest",
                  std::max(result.arithmetic_pulse.max / fastest_arithmetic,
                           result.stream_pulse.max / fastest_stream)) +
        in(by_slow));
  }
  if (is_frequent(by_exchange)) {
    result.reasons.push_back(
        formatted("reading data of another thread took up to %.2f times as long as at best",
                  result.exchange_pulse.max / fastest_exchange) +
        in(by_exchange));
  }
  return result;
}

Guard* Guard::current() { return watching; }

Guard::Guard(SpaceKind space)
    : Guard(space == SpaceKind::openmp ? Runtime::host_threads().count : 1) {}

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
  window.others = difference(after.busy, before.busy);
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
  result.pulse_cost = pulse_seconds_ / std::max(result.seconds, 1e-9);
  result.slowest_clock_hertz = slowest_clock_;
  result.fastest_clock_hertz = fastest_clock_;
  return result;
}

}  // namespace ridgeline
