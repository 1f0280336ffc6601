#include "studies/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

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

// As many samples per thread whatever the threads: that of `most` threads is the whole, or as
// little more as divides among them.
std::size_t weak_batch(std::size_t whole, int threads, int most) {
  const auto all = static_cast<std::size_t>(most);
  return (whole + all - 1) / all * static_cast<std::size_t>(threads);
}

// What is measured with so many threads: with all of them both scalings are the same.
struct Batch {
  std::size_t size;
  std::vector<const char*> scalings;
};
std::vector<Batch> batches(std::size_t whole, int threads, int most) {
  const std::size_t weak = weak_batch(whole, threads, most);
  if (weak == whole) return {{whole, {"strong", "weak"}}};
  return {{whole, {"strong"}}, {weak, {"weak"}}};
}

void add_entries(const std::string& what, const std::string& layer, const std::string& phase,
                 const Batch& batch, double seconds, io::Json& list) {
  for (const char* scaling : batch.scalings) {
    list.push_back({{"what", what},
                    {"layer", layer},
                    {"phase", phase},
                    {"scaling", scaling},
                    {"batch", batch.size},
                    {"seconds", seconds}});
  }
}

template <class Space>
void measure_layers(const Space& instance, const std::vector<LayerFamily>& families, int most,
                    const MeasureOptions& options, io::Json& list) {
  for (const LayerFamily& family : families) {
    const std::shared_ptr<const layers::Layer> layer = family.layer(family.width);
    for (const Batch& batch : batches(4 * family.batch, instance.concurrency(), most)) {
      LayerRunner<Space, float> runner(instance, layer, batch.size, Pass::both, family.tokens);
      const Timing timing = measure(instance, options, [&] { runner.run(); });
      add_entries(family.kind, "", model::to_string(Pass::both), batch, timing.median, list);
    }
  }
}

template <class Space, class T>
void measure_deck(const Space& instance, const DeckCase& deck, int most, bool quick,
                  io::Json& list) {
  for (const Batch& batch :
       batches(scaling_batch(deck, most, quick), instance.concurrency(), most)) {
    model::StepOptions options;
    options.gemm = deck.gemm;
    options.batch = batch.size;
    options.repeats = quick ? 1 : 3;  // turns are repeats too
    options.min_seconds = quick ? 0.02 : 0.1;
    options.warm_up_seconds = 0.01;
    const model::StepTiming step = model::time_step<Space, T>(instance, deck.plan, options);
    add_entries(deck.name, "", "training step", batch, step.total.median, list);
    for (const model::PartTiming& part : step.parts) {
      add_entries(deck.name, part.part.layer, layers::to_string(part.part.phase), batch,
                  part.seconds.median, list);
    }
  }
}

// One curve of the study: a layer, a deck, or a layer of a deck.
struct Key {
  std::string what, layer, phase, scaling;
  bool operator<(const Key& other) const {
    return std::tie(what, layer, phase, scaling) <
           std::tie(other.what, other.layer, other.phase, other.scaling);
  }
};

struct ThreadCurve {
  Key key;
  model::ScalingCurve points;
  // How many times as fast as with one thread, turn by turn.
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

// ThreadCurves in the order in which they were first measured.
class ThreadCurves {
 public:
  void add(const io::Json& entry, int threads) {
    const Key key{entry.at("what"), entry.at("layer"), entry.at("phase"), entry.at("scaling")};
    const auto [found, is_new] = places_.insert({key, curves_.size()});
    if (is_new) curves_.push_back({key, {}});
    ThreadCurve& curve = curves_[found->second];
    curve.points.threads.push_back(threads);
    curve.points.seconds.push_back(entry.at("seconds"));
  }
  const std::vector<ThreadCurve>& all() const { return curves_; }
  const ThreadCurve* find(const Key& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &curves_[found->second];
  }

 private:
  std::map<Key, std::size_t> places_;
  std::vector<ThreadCurve> curves_;
};

std::string number(double value) { return fmt::format("{:.3f}", value); }

io::Json fit_of(const ThreadCurve& strong, const ThreadCurve* weak, int most) {
  const double speedup = strong.at(1) / strong.at(most);
  io::Json fit = {{"what", strong.key.what},   {"layer", strong.key.layer},
                  {"phase", strong.key.phase}, {"threads", most},
                  {"speedup", speedup},        {"efficiency", speedup / most}};
  if (weak) fit["weak_efficiency"] = weak->at(1) / weak->at(most);
  if (const auto amdahl = model::fit_amdahl(strong.points)) {
    fit["serial_fraction"] = to_json(amdahl->serial_fraction);
  }
  if (const auto law = model::fit_scalability(strong.points)) {
    fit["contention"] = to_json(law->contention);
    fit["coherence"] = to_json(law->coherence);
    fit["most_useful_threads"] = to_json(law->most_useful_threads);
  }
  return fit;
}

io::Cell fitted_cell(const io::Json& fit, const char* name) {
  if (!fit.contains(name)) return {};
  const io::Json& estimate = fit.at(name);
  const auto bound = [&](const char* key) {
    return estimate.at(key).is_number() ? estimate.at(key).get<double>() : std::nan("");
  };
  return estimate_cell({bound("value"), bound("low"), bound("high")}, number);
}

io::Cell share_cell(double share) {
  return io::Cell::shown_as(share, fmt::format("{:.0f} %", 100 * share));
}

void add_row(const io::Json& fit, Study& study) {
  study.table.add_row({fit.at("what").get<std::string>(), fit.at("phase").get<std::string>(),
                       io::Cell(fit.at("speedup").get<double>(), "{:.2f}"),
                       share_cell(fit.at("efficiency").get<double>()),
                       fit.contains("weak_efficiency")
                           ? share_cell(fit.at("weak_efficiency").get<double>())
                           : io::Cell(),
                       fitted_cell(fit, "serial_fraction"), fitted_cell(fit, "contention"),
                       fitted_cell(fit, "coherence")});
}

// Where a part stops scaling: the first number of threads that brings less than half of what it
// could, over the number before. 0 where every one brings more.
int stops_at(const ThreadCurve& curve, const std::vector<int>& threads) {
  for (std::size_t i = 1; i < threads.size(); ++i) {
    const double gain = curve.at(threads[i - 1]) / curve.at(threads[i]);
    const double could = static_cast<double>(threads[i]) / threads[i - 1];
    if (gain - 1 < (could - 1) / 2) return threads[i];
  }
  return 0;
}

// Of a deck's parts that matter, 2 % of a thread's step or more, the one that stops first; of
// several, the one with the least speedup.
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
    const Key& key = curve.key;
    if (key.what != deck || key.layer.empty() || key.scaling != "strong") continue;
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

}  // namespace

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

io::Json measure_scaling(const ScalingBounds& bounds, int most, bool quick) {
  io::Json list = io::Json::array();
  // With one thread too: the other end of the same curve.
  const std::vector<SpaceKind> built = built_spaces();
  const bool openmp = std::find(built.begin(), built.end(), SpaceKind::openmp) != built.end();
  const SpaceKind kind = openmp ? SpaceKind::openmp : SpaceKind::serial;
  machine::warm_up(kind);
  MeasureOptions options = MeasureOptions::ladder_point();
  options.min_seconds = quick ? 0.01 : 0.03;
  with_space(kind, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    if constexpr (kIsHost<Space>) {
      measure_layers(instance, families_of(bounds.kinds), most, options, list);
      for (const DeckCase& deck : bounds.decks) {
        with_scalar(config::scalar_bytes(deck.precision), [&](auto zero) {
          measure_deck<Space, decltype(zero)>(instance, deck, most, quick, list);
        });
      }
    }
  });
  return list;
}

Study study_scaling(ScalingBounds bounds, const MeasureWithThreads& measure,
                    const Control& control) {
  Study study{"scaling",
              "thousands of identical neurons are embarrassingly parallel",
              {},
              io::Json::array(),
              {{"curves", io::Json::array()}, {"first_to_stop", io::Json::array()}},
              io::Table({{"layer or deck", "what", io::Align::left},
                         {"phase", "phase", io::Align::left, 0},
                         {"speedup", "speedup"},
                         {"strong", "efficiency"},
                         {"weak", "weak_efficiency"},
                         {"serial part", "serial_fraction"},
                         {"contention", "contention", io::Align::right, 2},
                         {"coherence", "coherence", io::Align::right, 2}}),
              {},
              {},
              true};
  const int all = Runtime::host_threads().count;
  if (bounds.threads.empty()) bounds.threads = machine::thread_ladder(all);
  require_threads(bounds.threads);
  std::sort(bounds.threads.begin(), bounds.threads.end());
  bounds.threads.erase(std::unique(bounds.threads.begin(), bounds.threads.end()),
                       bounds.threads.end());
  if (bounds.threads.front() != 1) bounds.threads.insert(bounds.threads.begin(), 1);
  const int most = bounds.threads.back();
  if (most == 1) throw RequestError("scaling needs more than one thread; this run has one");
  const int turns = bounds.turns > 0 ? bounds.turns : control.quick ? 3 : 5;
  study.settings = {{"threads", bounds.threads},
                    {"turns", turns},
                    {"layers", shapes_of(families_of(bounds.kinds))}};
  if (bounds.threads.size() < 3) {
    study.notes.push_back(fmt::format(
        "{} numbers of threads: the Universal Scalability Law has three unknowns and is not fitted",
        bounds.threads.size()));
  }
  for (const DeckCase& deck : bounds.decks) {
    const std::size_t batch = scaling_batch(deck, most, control.quick);
    if (batch == deck.batch) continue;
    study.notes.push_back(
        fmt::format("{}: quickly, batch {} instead of {}", deck.name, batch, deck.batch));
  }
  note_binding(study.notes);

  const double end = host_seconds() + (control.quick ? 24 : 165);
  ThreadCurves curves;
  double longest = 0;
  for (int turn = 0; turn < turns; ++turn) {
    // A turn that would not be done in time is not begun: halves of turns compare nothing.
    if (turn > 0 && host_seconds() + longest > end) {
      study.notes.push_back(
          fmt::format("{} of {} turns were made to stay within the time", turn, turns));
      break;
    }
    const double begin = host_seconds();
    for (const int threads : bounds.threads) {
      if (control.should_stop()) break;
      control.tell(
          fmt::format("turn {} of {}: {}", turn + 1, turns, io::show_count(threads, "thread")));
      for (io::Json entry : measure(threads)) {
        curves.add(entry, threads);
        entry["threads"] = threads;
        entry["turn"] = turn;
        study.points.push_back(std::move(entry));
      }
    }
    longest = std::max(longest, host_seconds() - begin);
  }
  for (const ThreadCurve& curve : curves.all()) {
    if (curve.key.scaling != "strong" || curve.at(most) == 0 || curve.at(1) == 0) continue;
    Key weak = curve.key;
    weak.scaling = "weak";
    const io::Json fit = fit_of(curve, curves.find(weak), most);
    study.fit["curves"].push_back(fit);
    if (curve.key.layer.empty()) add_row(fit, study);
  }
  for (const DeckCase& deck : bounds.decks) {
    tell_first_to_stop(deck.name, curves, bounds.threads, study);
  }
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
