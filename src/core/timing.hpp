#pragma once

// All timing is done here. Every measurement uses `measure`, `Stopwatch` or `ratio_in_turn`, so
// that all timings of Ridgeline are obtained in the same way.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/cuda/event.hpp"
#include "core/error.hpp"
#include "core/guard.hpp"
#include "core/seconds.hpp"
#include "core/spaces.hpp"

namespace ridgeline {

/// Times the work launched on one instance between `start` and `stop`.
///
/// On a host, and with Clock::host, both fence that instance. With Clock::device on a device they
/// record events without waiting; only `seconds` waits. Stopwatches around every layer of a step
/// therefore do not disturb it.
template <class Space>
class Stopwatch {
 public:
  explicit Stopwatch(const Space& instance, Clock clock = Clock::device) : instance_(instance) {
    if (kIsHost<Space> || clock == Clock::host) return;
    first_.emplace(Event<Space>::Kind::timed);
    last_.emplace(Event<Space>::Kind::timed);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start() {
    if (first_) return first_->record(instance_);
    instance_.fence();
    begin_ = host_seconds();
  }

  void stop() {
    if (last_) return last_->record(instance_);
    instance_.fence();
    end_ = host_seconds();
  }

  /// Returns the seconds between the last `start` and `stop`; waits until a device has reached
  /// `stop`.
  double seconds() { return last_ ? last_->seconds_since(*first_) : end_ - begin_; }

 private:
  Space instance_;
  std::optional<Event<Space>> first_, last_;  // of a device's own clock
  double begin_ = 0, end_ = 0;
};

namespace detail {

// Returns the seconds per call of `calls` calls, launched back to back.
template <class Space, class Body>
double time_batch(Stopwatch<Space>& watch, long calls, Body& body) {
  watch.start();
  for (long call = 0; call < calls; ++call) body();
  watch.stop();
  return watch.seconds() / static_cast<double>(calls);
}

// Warms up and returns the number of calls per sample.
template <class Space, class Body>
long warm_up(Stopwatch<Space>& watch, const MeasureOptions& options, Body& body) {
  const double begin = host_seconds();
  double seconds = time_batch(watch, 1, body);
  // The very first call may have loaded code or touched memory, so a short call is repeated for
  // warm-up.
  constexpr double kLongCall = 5e-3;
  if (seconds < kLongCall) seconds = std::min(seconds, time_batch(watch, 1, body));
  while (host_seconds() - begin < options.warm_up_seconds) {
    seconds = std::min(seconds, time_batch(watch, 1, body));
  }
  long calls = 1;
  while (seconds < options.batch_below) {
    const double batch = seconds * static_cast<double>(calls);
    if (batch >= options.batch_seconds || calls > (1L << 40)) break;
    // In a batch of one, clock and fence dominate; the batch grows in steps to exclude them.
    const double wanted = options.batch_seconds / std::max(seconds, 1e-12);
    calls = std::min(static_cast<long>(std::ceil(wanted)), 16 * calls);
    seconds = time_batch(watch, calls, body);
  }
  return calls;
}

// Decides whether samples suffice. The interval between checks grows, since each check sorts the
// samples.
class Precision {
 public:
  explicit Precision(const MeasureOptions& options) : options_(options) {}
  bool reached(const std::vector<double>& samples) {
    if (samples.size() < next_check_) return false;
    next_check_ = samples.size() + std::max<std::size_t>(1, samples.size() / 4);
    return summarize(samples).spread() <= options_.target_spread;
  }

 private:
  const MeasureOptions& options_;
  std::size_t next_check_ = 0;
};

}  // namespace detail

/// Times `body()`, which launches on `instance` and need not fence: warm-up, then repetitions until
/// the count and the time of `options` are reached and the median's 95 % interval is narrow, or
/// until the limit set by `patience`. Calls shorter than `batch_below` are timed back to back in
/// batches; a body that measures a latency must fence itself. A Guard's pulses run between
/// repetitions.
///
/// Each repetition counts with the time of the fastest one, so that a disturbed measurement has
/// more repetitions. Returns the seconds of every repetition, at least one if it was stopped.
template <class Space, class Body>
std::vector<double> measure_samples(const Space& instance, const MeasureOptions& options,
                                    Body&& body) {
  Stopwatch<Space> watch(instance, options.clock);
  const long calls = detail::warm_up(watch, options, body);
  std::vector<double> samples;
  double total = 0, fastest = 0;
  detail::Precision precision(options);
  while (samples.empty() || !options.should_stop()) {
    if (!samples.empty()) watch_for_disturbance(samples.back(), [&] { body(); });
    samples.push_back(detail::time_batch(watch, calls, body));
    const double seconds = samples.back() * static_cast<double>(calls);
    total += seconds;
    fastest = samples.size() == 1 ? seconds : std::min(fastest, seconds);
    if (static_cast<int>(samples.size()) < options.min_repeats) continue;
    // The limit on samples avoids an infinite loop if the clock does not advance.
    if (total >= options.patience * options.min_seconds || samples.size() >= 1000000) break;
    if (static_cast<double>(samples.size()) * fastest < options.min_seconds) continue;
    if (precision.reached(samples)) break;
  }
  return samples;
}

/// Returns the statistics of measure_samples().
template <class Space, class Body>
Timing measure(const Space& instance, const MeasureOptions& options, Body&& body) {
  return summarize(measure_samples(instance, options, std::forward<Body>(body)));
}

/// Timings of two bodies measured alternately: A B A B ….
struct TimingInTurn {
  Timing a, b;
  double ratio = 0;            ///< median over the turns of seconds(A) / seconds(B)
  std::vector<double> ratios;  ///< of each turn
};

/// Times `a()` on one instance and `b()` on another (or the same) alternately, one sample of each
/// per turn, so that drift (clock frequency, other load) affects both.
template <class SpaceA, class BodyA, class SpaceB, class BodyB>
TimingInTurn ratio_in_turn(const SpaceA& instance_a, BodyA&& a, const SpaceB& instance_b, BodyB&& b,
                           const MeasureOptions& options = {}) {
  Stopwatch<SpaceA> watch_a(instance_a, options.clock);
  Stopwatch<SpaceB> watch_b(instance_b, options.clock);
  const long calls_a = detail::warm_up(watch_a, options, a);
  const long calls_b = detail::warm_up(watch_b, options, b);
  std::vector<double> samples_a, samples_b, ratios;
  double total = 0;
  detail::Precision precision(options);
  while (ratios.empty() || !options.should_stop()) {
    if (!samples_a.empty()) {
      watch_for_disturbance(samples_a.back() + samples_b.back(), [&] {
        a();
        b();
      });
    }
    samples_a.push_back(detail::time_batch(watch_a, calls_a, a));
    samples_b.push_back(detail::time_batch(watch_b, calls_b, b));
    ratios.push_back(samples_b.back() > 0 ? samples_a.back() / samples_b.back() : 0);
    total += samples_a.back() * static_cast<double>(calls_a) +
             samples_b.back() * static_cast<double>(calls_b);
    if (static_cast<int>(ratios.size()) < options.min_repeats) continue;
    if (ratios.size() >= 1000000 || total >= options.patience * options.min_seconds) break;
    if (total >= options.min_seconds && precision.reached(samples_a)) break;
  }
  return {summarize(std::move(samples_a)), summarize(std::move(samples_b)), median_of(ratios),
          ratios};
}

/// Checks T(2R) ≈ 2·T(R) for R calls of `body`, R large enough for a millisecond. Uses the minimum
/// of `turns` alternating samples of each, to exclude interference.
template <class Space, class Body>
TimerCheck check_timer(const Space& instance, Body&& body, Clock clock = Clock::device,
                       int turns = 9) {
  MeasureOptions options;
  options.clock = clock;
  options.batch_below = options.batch_seconds = 1e-3;
  Stopwatch<Space> watch(instance, clock);
  const long calls = detail::warm_up(watch, options, body);
  std::vector<double> once, twice;
  for (int turn = 0; turn < turns; ++turn) {
    once.push_back(detail::time_batch(watch, calls, body));
    twice.push_back(detail::time_batch(watch, 2 * calls, body));
  }
  const double shortest = summarize(std::move(once)).min;
  TimerCheck check;
  check.ratio = shortest > 0 ? summarize(std::move(twice)).min / shortest : 0;
  check.ok = std::abs(check.ratio - 1.0) <= 0.1;
  return check;
}

}  // namespace ridgeline
