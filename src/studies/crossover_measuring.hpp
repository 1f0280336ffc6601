#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/cuda/recorded_launches.hpp"
#include "core/timing.hpp"
#include "model/expectation.hpp"
#include "studies/crossover_report.hpp"

namespace ridgeline::studies {

/// Times sizes on both spaces in turn, or on the first against a machine file.
class CrossoverMeasuring {
 public:
  /// The time is shared among so many curves.
  CrossoverMeasuring(const CrossoverBounds& bounds, const Control& control, std::size_t curves,
                     Study& study)
      : bounds_(bounds), control_(control), study_(study), curves_left_(curves) {
    // Machines stay disturbed for milliseconds: more turns rather than longer ones.
    options_.min_repeats = control.quick ? 5 : 9;
    options_.min_seconds = control.quick ? 0.003 : 0.01;
    // A first call finds its memory nowhere, and threads asleep.
    options_.warm_up_seconds = control.quick ? 0.001 : 0.002;
    options_.clock = Clock::host;
    options_.stopped = control.stopped;
    if (bounds.machine_file) {
      std::set<std::string> precisions;
      if (!bounds.no_layers) precisions.insert("float32");
      for (const DeckCase& deck : bounds.decks) precisions.insert(to_string(deck.precision));
      for (const std::string& precision : precisions) {
        ceilings_.try_emplace(precision, *bounds.machine_file, bounds.machine_path,
                              bounds.machine_space, precision);
      }
    }
    end_ = host_seconds() + (control.quick ? 22 : 150);
  }

  /// Every curve has its share of the time that is left.
  void begin_curve() {
    const double now = host_seconds();
    curve_end_ = now + std::max(0.0, end_ - now) / static_cast<double>(curves_left_--);
  }
  std::size_t left_out() const { return left_out_; }
  /// Kinds of layers and phases that were never recorded on such a device.
  const std::set<std::string>& without_record() const { return without_record_; }
  /// Quantities that the machine file lacks.
  std::set<std::string> absent() const {
    std::set<std::string> names;
    for (const auto& [precision, ceilings] : ceilings_) {
      for (const std::string& name : ceilings.absent()) names.insert(name);
    }
    return names;
  }

  /// Times one size on both spaces. `make(instance)` gives a pointer to something to run, and
  /// `parts(*it)` its work, part by part.
  template <class Make, class Parts>
  void add(SizeCurve& curve, double size, const layers::Counts& counts, io::Json about,
           const Make& make, const Parts& parts) {
    if (control_.should_stop()) return;
    // Two sizes at least: one is no curve.
    if (curve.points.size() >= 2 && host_seconds() > curve_end_) {
      ++left_out_;
      return;
    }
    SizeMeasurement measured;
    measured.size = size;
    measured.bytes = counts.working_set_bytes;
    about["what"] = curve.what;
    about["pass"] = curve.pass;
    about["grows"] = curve.grows;
    about["flops"] = counts.flops;
    about["working_set_bytes"] = counts.working_set_bytes;
    with_space(bounds_.first, [&](const auto& a) {
      if (bounds_.machine_file) {
        against_file(a, about, measured, make, parts);
        return;
      }
      with_space(bounds_.second, [&](const auto& default_b) {
        using B = std::decay_t<decltype(default_b)>;
        const OwnQueue<B> queue;
        against_space(a, queue.instance(), about, measured, make);
      });
    });
    study_.points.push_back(about);
    control_.tell(fmt::format("{} {}, {} {:g}", curve.what, curve.pass, curve.grows, size));
    curve.points.push_back(std::move(measured));
  }

 private:
  template <class A, class B, class Make>
  void against_space(const A& a, const B& b, io::Json& about, SizeMeasurement& measured,
                     const Make& make) {
    auto on_a = make(a);
    auto on_b = make(b);
    const auto note = [&](Mode mode, const TimingInTurn& timing) {
      measured.ratios[mode] = timing.ratios;
      measured.second[mode] = timing.b.median;
      if (mode == kEager) measured.first = timing.a;
      about[kModeNames[mode]] = {{"first_seconds", timing.a},
                                 {"second_seconds", timing.b},
                                 {"ratio", timing.ratio},
                                 {"ratios", timing.ratios}};
    };
    note(kEager, ratio_in_turn(
                     a, [&] { on_a->run(); }, b, [&] { on_b->run(); }, options_));
    if constexpr (!kIsHost<B>) {
      // A caller that transfers a batch waits for it.
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
  void against_file(const A& a, io::Json& about, SizeMeasurement& measured, const Make& make,
                    const Parts& parts) {
    auto on_a = make(a);
    const model::Ceilings& ceilings = ceilings_.at(about.at("precision").get<std::string>());
    const model::Expectation expectation =
        model::expect(ceilings, model::device_of(bounds_.machine_space), parts(*on_a));
    without_record_.insert(expectation.without_record.begin(), expectation.without_record.end());
    measured.without_record = !expectation.without_record.empty();
    about["kinds_without_record"] = expectation.without_record;
    const double moved = ceilings.transfer_seconds(on_a->bytes_to_space(), on_a->bytes_to_host());
    const std::vector<double> samples = measure_samples(a, options_, [&] { on_a->run(); });
    const Timing timing = summarize(samples);
    measured.first = timing;
    const auto note = [&](Mode mode, const char* key, double second) {
      if (second <= 0) return;  // nothing of what the file has bounds it
      std::vector<double> ratios;
      for (const double sample : samples) ratios.push_back(sample / second);
      measured.second[mode] = second;
      about[kModeNames[mode]] = {{"first_seconds", timing},
                                 {key, second},
                                 {"ratio", median_of(ratios)},
                                 {"ratios", ratios}};
      measured.ratios[mode] = std::move(ratios);
    };
    const auto both = [&](Mode best, Mode expected, double more) {
      note(best, "second_ceiling_seconds", expectation.at_best + more);
      if (!expectation.expected) return;
      note(expected, "second_expected_seconds", *expectation.expected + more);
      about[kModeNames[best]]["second_expected_seconds"] = *expectation.expected + more;
    };
    both(kEager, kExpected, 0);
    if (moved > 0) both(kWithTransfers, kExpectedWithTransfers, moved);
  }

  const CrossoverBounds& bounds_;
  const Control& control_;
  Study& study_;
  MeasureOptions options_;
  std::map<std::string, model::Ceilings> ceilings_;  ///< the machine file's, by precision
  std::set<std::string> without_record_;
  double end_, curve_end_ = 0;
  std::size_t curves_left_, left_out_ = 0;
};

}  // namespace ridgeline::studies
