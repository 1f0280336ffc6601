#include "studies/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "core/scalar.hpp"
#include "core/timing.hpp"
#include "io/units.hpp"
#include "machine/peak.hpp"
#include "model/crossover.hpp"
#include "model/layer_runner.hpp"
#include "model/scaling.hpp"
#include "model/step_timing.hpp"

namespace ridgeline::studies {
namespace {

using model::LayerRunner;
using model::Pass;

// Returns the batch with the same number of samples per thread for any number of threads. With
// `most` threads it is `whole`, rounded up to a multiple of the threads.
std::size_t weak_batch(std::size_t whole, int threads, int most) {
  const auto all = static_cast<std::size_t>(most);
  return (whole + all - 1) / all * static_cast<std::size_t>(threads);
}

// A batch to be measured, and its scalings: with `most` threads both scalings have the same batch.
struct Batch {
  std::size_t size;
  std::vector<const char*> scalings;
};
std::vector<Batch> batches(std::size_t whole, int threads, int most) {
  const std::size_t weak = weak_batch(whole, threads, most);
  if (weak == whole) return {{whole, {"strong", "weak"}}};
  return {{whole, {"strong"}}, {weak, {"weak"}}};
}

void add_times(const ScalingCase& of, const Batch& batch, double seconds,
               std::vector<ScalingTime>& times) {
  for (const char* scaling : batch.scalings) {
    times.push_back({of, batch.size, seconds});
    times.back().of.scaling = scaling;
  }
}

template <class Space>
void measure_layers(const Space& instance, const std::vector<LayerFamily>& families, int most,
                    const MeasureOptions& options, std::vector<ScalingTime>& times) {
  for (const LayerFamily& family : families) {
    const std::shared_ptr<const layers::Layer> layer = family.layer(family.width);
    for (const Batch& batch : batches(4 * family.batch, instance.concurrency(), most)) {
      LayerRunner<Space, float> runner(instance, layer, batch.size, Pass::both, family.tokens);
      const Timing timing = measure(instance, options, [&] { runner.run(); });
      add_times({family.kind, "", model::to_string(Pass::both), ""}, batch, timing.median, times);
    }
  }
}

template <class Space, class T>
void measure_deck(const Space& instance, const DeckCase& deck, int most, bool quick,
                  std::vector<ScalingTime>& times) {
  for (const Batch& batch :
       batches(scaling_batch(deck, most, quick), instance.concurrency(), most)) {
    model::StepOptions options;
    options.gemm = deck.gemm;
    options.batch = batch.size;
    options.repeats = quick ? 1 : 3;  // turns are repeats too
    options.min_seconds = quick ? 0.02 : 0.1;
    options.warm_up_seconds = 0.01;
    const model::StepTiming step = model::time_step<Space, T>(instance, deck.plan, options);
    add_times({deck.name, "", "training step", ""}, batch, step.total.median, times);
    for (const model::PartTiming& part : step.parts) {
      add_times({deck.name, part.part.layer, layers::to_string(part.part.phase), ""}, batch,
                part.seconds.median, times);
    }
  }
}

struct ThreadCurve {
  ScalingCase key;
  model::ScalingCurve points;
  // Returns the speedup over one thread, by turn.
  std::vector<double> speedups(int threads) const {
    std::vector<double> one, several, ratios;
    for (std::size_t i = 0; i < points.threads.size(); ++i) {
      if (points.threads[i] == 1) one.push_back(points.seconds[i]);
      if (points.threads[i] == threads) several.push_back(points.seconds[i]);
    }
    for (std::size_t i = 0; i < std::min(one.size(), several.size()); ++i) {
      ratios.push_back(one[i] / several[i]);
    }
    return ratios;
  }
  double at(int threads) const {
    std::vector<double> there;
    for (std::size_t i = 0; i < points.threads.size(); ++i) {
      if (points.threads[i] == threads) there.push_back(points.seconds[i]);
    }
    return median_of(std::move(there));
  }
};

// ThreadCurves in the order of their first measurement.
class ThreadCurves {
 public:
  void add(const ScalingTime& time, int threads) {
    const auto [found, is_new] = places_.insert({time.of, curves_.size()});
    if (is_new) curves_.push_back({time.of, {}});
    ThreadCurve& curve = curves_[found->second];
    curve.points.threads.push_back(threads);
    curve.points.seconds.push_back(time.seconds);
  }
  const std::vector<ThreadCurve>& all() const { return curves_; }
  const ThreadCurve* find(const ScalingCase& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &curves_[found->second];
  }

 private:
  std::map<ScalingCase, std::size_t> places_;
  std::vector<ThreadCurve> curves_;
};

std::string number(double value) { return fmt::format("{:.3f}", value); }

// The fits of a curve of strong scaling.
struct CurveFit {
  ScalingCase of;
  int threads;
  double speedup;
  std::optional<double> weak_efficiency;
  std::optional<model::Amdahl> amdahl;
  std::optional<model::Scalability> law;
  double efficiency() const { return speedup / threads; }
};

CurveFit fit_of(const ThreadCurve& strong, const ThreadCurve* weak, int most) {
  CurveFit fit{strong.key,
               most,
               strong.at(1) / strong.at(most),
               {},
               model::fit_amdahl(strong.points),
               model::fit_scalability(strong.points)};
  if (weak) fit.weak_efficiency = weak->at(1) / weak->at(most);
  return fit;
}

io::Json json_of(const CurveFit& fit) {
  io::Json json = {{"what", fit.of.subject}, {"layer", fit.of.layer},
                   {"phase", fit.of.phase},  {"threads", fit.threads},
                   {"speedup", fit.speedup}, {"efficiency", fit.efficiency()}};
  if (fit.weak_efficiency) json["weak_efficiency"] = *fit.weak_efficiency;
  if (fit.amdahl) json["serial_fraction"] = to_json(fit.amdahl->serial_fraction);
  if (fit.law) {
    json["contention"] = to_json(fit.law->contention);
    json["coherence"] = to_json(fit.law->coherence);
    json["most_useful_threads"] = to_json(fit.law->most_useful_threads);
  }
  return json;
}

io::Cell share_cell(double share) {
  return io::Cell::shown_as(share, fmt::format("{:.0f} %", 100 * share));
}

void add_row(const CurveFit& fit, Study& study) {
  study.table.add_row({fit.of.subject, fit.of.phase, io::Cell(fit.speedup, "{:.2f}"),
                       share_cell(fit.efficiency()),
                       fit.weak_efficiency ? share_cell(*fit.weak_efficiency) : io::Cell(),
                       fit.amdahl ? estimate_cell(fit.amdahl->serial_fraction, number) : io::Cell(),
                       fit.law ? estimate_cell(fit.law->contention, number) : io::Cell(),
                       fit.law ? estimate_cell(fit.law->coherence, number) : io::Cell()});
}

// Returns where a part stops scaling: the first number of threads that gains less than half of the
// ideal speedup over the previous number; 0 if there is none.
int stops_at(const ThreadCurve& curve, const std::vector<int>& threads) {
  for (std::size_t i = 1; i < threads.size(); ++i) {
    const double gain = curve.at(threads[i - 1]) / curve.at(threads[i]);
    const double could = static_cast<double>(threads[i]) / threads[i - 1];
    if (gain - 1 < (could - 1) / 2) return threads[i];
  }
  return 0;
}

// Adds a sentence on the first part to stop scaling among those with at least 2 % of the step's
// time on one thread; of several, the one with the least speedup.
void tell_first_to_stop(const std::string& deck, const ThreadCurves& curves,
                        const std::vector<int>& threads, Study& study) {
  const int most = threads.back();
  const auto measured = [&](const ThreadCurve& curve) {
    return std::all_of(threads.begin(), threads.end(), [&](int p) { return curve.at(p) > 0; });
  };
  const ThreadCurve* step = curves.find({deck, "", "training step", "strong"});
  if (!step || !measured(*step)) return;
  const ThreadCurve* first = nullptr;
  int stops = 0;
  double least = 0;
  for (const ThreadCurve& curve : curves.all()) {
    const ScalingCase& key = curve.key;
    if (key.subject != deck || key.layer.empty() || key.scaling != "strong") continue;
    if (!measured(curve) || curve.at(1) < 0.02 * step->at(1)) continue;
    const int here = stops_at(curve, threads);
    const double speedup = curve.at(1) / curve.at(most);
    const auto rank = [](int count) { return count == 0 ? INT_MAX : count; };
    if (first && std::pair(rank(here), speedup) >= std::pair(rank(stops), least)) continue;
    first = &curve;
    stops = here;
    least = speedup;
  }
  if (!first) return;
  const std::string speedup =
      tell_speedup(most, step->at(1) / step->at(most), step->speedups(most));
  study.answers.push_back(fmt::format(
      "{}: {}; {} {}/{}, {:.2f} times", deck, speedup,
      stops == 0 ? std::string("every part still scales, least of all")
                 : "the first to stop scaling, at " + io::show_count(stops, "thread") + ", is",
      first->key.layer, first->key.phase, least));
  study.fit["first_to_stop"].push_back({{"deck", deck},
                                        {"layer", first->key.layer},
                                        {"phase", first->key.phase},
                                        {"threads", stops == 0 ? io::Json() : io::Json(stops)},
                                        {"speedup", least}});
}

// What the study measures, after all checks.
struct ScalingPlan {
  std::vector<int> threads;  // in ascending order, from 1
  int turns;
};

ScalingPlan plan_of(const ScalingBounds& bounds, bool quick) {
  std::vector<int> threads = bounds.threads;
  if (threads.empty()) threads = machine::thread_ladder(Runtime::host_threads().count);
  require_threads(threads);
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  if (threads.front() != 1) threads.insert(threads.begin(), 1);
  if (threads.back() == 1) {
    throw RequestError("scaling needs more than one thread; this run has one");
  }
  return {threads, bounds.turns > 0 ? bounds.turns : quick ? 3 : 5};
}

// Returns the study before the first measurement.
Study empty_study(const ScalingBounds& bounds, const ScalingPlan& plan, bool quick) {
  Study study("scaling", "thousands of identical neurons are embarrassingly parallel",
              {{"layer or deck", "what", io::Align::left},
               {"phase", "phase", io::Align::left, 0},
               {"speedup", "speedup"},
               {"strong", "efficiency"},
               {"weak", "weak_efficiency"},
               {"serial part", "serial_fraction"},
               {"contention", "contention", io::Align::right, 2},
               {"coherence", "coherence", io::Align::right, 2}});
  study.settings = {{"threads", plan.threads},
                    {"turns", plan.turns},
                    {"layers", shapes_of(families_of(bounds.kinds))}};
  study.fit = {{"curves", io::Json::array()}, {"first_to_stop", io::Json::array()}};
  if (plan.threads.size() < 3) {
    study.notes.push_back(fmt::format(
        "{} numbers of threads: the Universal Scalability Law has three unknowns and is not fitted",
        plan.threads.size()));
  }
  for (const DeckCase& deck : bounds.decks) {
    const std::size_t batch = scaling_batch(deck, plan.threads.back(), quick);
    if (batch == deck.batch) continue;
    study.notes.push_back(
        fmt::format("{}: quickly, batch {} instead of {}", deck.name, batch, deck.batch));
  }
  note_binding(study.notes);
  return study;
}

// Adds the points, and a note if there was no time for all turns.
ThreadCurves measure_turns(const ScalingPlan& plan, const MeasureWithThreads& measure,
                           const Control& control, Study& study) {
  const double end = host_seconds() + (control.quick ? 24 : 165);
  ThreadCurves curves;
  double longest = 0;
  for (int turn = 0; turn < plan.turns; ++turn) {
    // A turn that would exceed the limit is not started, since an incomplete turn has no ratios.
    if (turn > 0 && host_seconds() + longest > end) {
      study.notes.push_back(
          fmt::format("{} of {} turns were made to stay within the time", turn, plan.turns));
      break;
    }
    const double begin = host_seconds();
    for (const int threads : plan.threads) {
      if (control.should_stop()) break;
      control.tell(fmt::format("turn {} of {}: {}", turn + 1, plan.turns,
                               io::show_count(threads, "thread")));
      for (const ScalingTime& time : measure(threads)) {
        curves.add(time, threads);
        io::Json point = to_json(time);
        point["threads"] = threads;
        point["turn"] = turn;
        study.points.push_back(std::move(point));
      }
    }
    longest = std::max(longest, host_seconds() - begin);
  }
  return curves;
}

}  // namespace

bool ScalingCase::operator<(const ScalingCase& other) const {
  return std::tie(subject, layer, phase, scaling) <
         std::tie(other.subject, other.layer, other.phase, other.scaling);
}

io::Json to_json(const ScalingTime& time) {
  return {{"what", time.of.subject},    {"layer", time.of.layer}, {"phase", time.of.phase},
          {"scaling", time.of.scaling}, {"batch", time.batch},    {"seconds", time.seconds}};
}

ScalingTime scaling_time(const io::Json& json) {
  return {{json.at("what"), json.at("layer"), json.at("phase"), json.at("scaling")},
          json.at("batch"),
          json.at("seconds")};
}

std::size_t scaling_batch(const DeckCase& deck, int most, bool quick) {
  constexpr double kQuickFlops = 1e9;
  std::size_t batch = deck.batch;
  const auto flops = [&] { return deck.plan->step_counts(true, batch, sizeof(float)).flops; };
  while (quick && flops() > kQuickFlops && batch / 2 >= 4 * static_cast<std::size_t>(most)) {
    batch /= 2;
  }
  return batch;
}

std::string tell_speedup(int threads, double speedup, const std::vector<double>& turns) {
  const auto [low, high] = std::minmax_element(turns.begin(), turns.end());
  const std::string range =
      turns.size() > 1 ? fmt::format(" ({:.2f} to {:.2f} turn by turn)", *low, *high) : "";
  if (speedup < model::kWin) {
    return fmt::format("{} threads make a step no faster, {:.2f} times{}", threads, speedup, range);
  }
  return fmt::format("{} threads make a step {:.2f} times as fast{}", threads, speedup, range);
}

std::vector<ScalingTime> measure_scaling(const ScalingBounds& bounds, int most, bool quick) {
  std::vector<ScalingTime> times;
  // With one thread too, since it is a point of the same curve.
  const std::vector<SpaceKind> built = built_spaces();
  const bool openmp = std::find(built.begin(), built.end(), SpaceKind::openmp) != built.end();
  const SpaceKind kind = openmp ? SpaceKind::openmp : SpaceKind::serial;
  machine::warm_up(kind);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.min_seconds = quick ? 0.01 : 0.03;
  with_space(kind, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    if constexpr (kIsHost<Space>) {
      measure_layers(instance, families_of(bounds.kinds), most, options, times);
      for (const DeckCase& deck : bounds.decks) {
        with_scalar(config::scalar_bytes(deck.precision), [&](auto zero) {
          measure_deck<Space, decltype(zero)>(instance, deck, most, quick, times);
        });
      }
    }
  });
  return times;
}

Study study_scaling(const ScalingBounds& bounds, const MeasureWithThreads& measure,
                    const Control& control) {
  const ScalingPlan plan = plan_of(bounds, control.quick);
  Study study = empty_study(bounds, plan, control.quick);
  const ThreadCurves curves = measure_turns(plan, measure, control, study);
  const int most = plan.threads.back();
  for (const ThreadCurve& curve : curves.all()) {
    if (curve.key.scaling != "strong" || curve.at(most) == 0 || curve.at(1) == 0) continue;
    ScalingCase weak = curve.key;
    weak.scaling = "weak";
    const CurveFit fit = fit_of(curve, curves.find(weak), most);
    study.fit["curves"].push_back(json_of(fit));
    if (curve.key.layer.empty()) add_row(fit, study);
  }
  for (const DeckCase& deck : bounds.decks) {
    tell_first_to_stop(deck.name, curves, plan.threads, study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
