#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cuda/recorded_launches.hpp"
#include "core/timing.hpp"
#include "model/expectation.hpp"
#include "studies/crossover_fit.hpp"

namespace ridgeline::studies {

/// Times sizes alternately on both spaces, or on the first against a machine file.
class CrossoverMeasuring {
 public:
  /// `ceilings` are those of the machine file, by precision, if there is one. The time limit is
  /// divided among `curves` curves.
  CrossoverMeasuring(const CrossoverBounds& bounds,
                     const std::map<std::string, model::Ceilings>& ceilings, const Control& control,
                     std::size_t curves)
      : bounds_(bounds), ceilings_(ceilings), control_(control), curves_left_(curves) {
    // Disturbances last for milliseconds, so there are more turns rather than longer ones.
    options_.min_repeats = control.quick ? 5 : 9;
    options_.min_seconds = control.quick ? 0.003 : 0.01;
    // At the first call caches are cold and threads asleep.
    options_.warm_up_seconds = control.quick ? 0.001 : 0.002;
    options_.clock = Clock::host;
    options_.stopped = control.stopped;
    end_ = host_seconds() + (control.quick ? 22 : 150);
  }

  /// Starts a curve: assigns it a share of the remaining time.
  void begin_curve() {
    const double now = host_seconds();
    curve_end_ = now + std::max(0.0, end_ - now) / static_cast<double>(curves_left_--);
  }
  std::size_t left_out() const { return left_out_; }
  /// Returns the kinds of layers and phases without measured fractions on such a device.
  const std::set<std::string>& without_record() const { return without_record_; }

  /// Times one size on both spaces. `make(instance)` returns a pointer to an object with run(), and
  /// `parts(*it)` its work, by part.
  template <class Make, class Parts>
  void add(SizeCurve& curve, SizeMeasurement measured, const layers::Counts& counts,
           const Make& make, const Parts& parts) {
    if (control_.should_stop()) return;
    // A curve needs at least two sizes.
    if (curve.points.size() >= 2 && host_seconds() > curve_end_) {
      ++left_out_;
      return;
    }
    measured.bytes = counts.working_set_bytes;
    measured.flops = counts.flops;
    with_space(bounds_.first, [&](const auto& a) {
      if (bounds_.machine_file) {
        against_file(a, measured, make, parts);
        return;
      }
      with_space(bounds_.second, [&](const auto& default_b) {
        using B = std::decay_t<decltype(default_b)>;
        const OwnQueue<B> queue;
        against_space(a, queue.instance(), measured, make);
      });
    });
    control_.tell(
        fmt::format("{} {}, {} {:g}", curve.subject, curve.pass, curve.grows, measured.size));
    curve.points.push_back(std::move(measured));
  }

 private:
  template <class A, class B, class Make>
  void against_space(const A& a, const B& b, SizeMeasurement& measured, const Make& make) {
    auto on_a = make(a);
    auto on_b = make(b);
    const auto note = [&](Mode mode, const TimingInTurn& timing) {
      measured.modes[mode] = {timing.a, timing.b.median, timing.b, timing.ratios};
    };
    note(kEager, ratio_in_turn(
                     a, [&] { on_a->run(); }, b, [&] { on_b->run(); }, options_));
    if constexpr (!kIsHost<B>) {
      // A caller that transfers a batch synchronises.
      note(kWithTransfers, ratio_in_turn(
                               a, [&] { on_a->run(); }, b,
                               [&] {
                                 on_b->run_with_transfers();
                                 b.fence();
                               },
                               options_));
      if (const auto graph = RecordedLaunches<B>::record(b, [&] { on_b->run(); })) {
        note(kGraph, ratio_in_turn(
                         a, [&] { on_a->run(); }, b, [&] { graph->launch(); }, options_));
      }
    }
  }

  template <class A, class Make, class Parts>
  void against_file(const A& a, SizeMeasurement& measured, const Make& make, const Parts& parts) {
    auto on_a = make(a);
    const model::Ceilings& ceilings = ceilings_.at(measured.precision);
    const model::Expectation expectation =
        model::expect(ceilings, model::device_of(bounds_.machine_space), parts(*on_a));
    without_record_.insert(expectation.without_record.begin(), expectation.without_record.end());
    measured.without_record = expectation.without_record;
    const double moved = ceilings.transfer_seconds(on_a->bytes_to_space(), on_a->bytes_to_host());
    const std::vector<double> samples = measure_samples(a, options_, [&] { on_a->run(); });
    const Timing timing = summarize(samples);
    measured.modes[kEager].first = timing;
    const auto note = [&](Mode mode, double second) {
      if (second <= 0) return;  // the file has no ceiling that bounds it
      std::vector<double> ratios;
      for (const double sample : samples) ratios.push_back(sample / second);
      measured.modes[mode] = {timing, second, {}, std::move(ratios)};
    };
    const auto both = [&](Mode best, Mode expected, double more) {
      note(best, expectation.at_best + more);
      if (expectation.expected) note(expected, *expectation.expected + more);
    };
    both(kEager, kExpected, 0);
    if (moved > 0) both(kWithTransfers, kExpectedWithTransfers, moved);
  }

  const CrossoverBounds& bounds_;
  const std::map<std::string, model::Ceilings>& ceilings_;
  const Control& control_;
  MeasureOptions options_;
  std::set<std::string> without_record_;
  double end_, curve_end_ = 0;
  std::size_t curves_left_, left_out_ = 0;
};

}  // namespace ridgeline::studies
