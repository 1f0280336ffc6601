#include "studies/scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/units.hpp"
#include "model/crossover.hpp"
#include "model/scaling.hpp"

namespace ridgeline::studies {
namespace {

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

// A time with the turn and the number of threads that it was measured with.
struct TimeInTurn {
  int turn, threads;
  ScalingTime time;
};

struct ScalingMeasurement {
  std::vector<TimeInTurn> times;
  int turns;  // fewer than planned if there was no time for all
};

ScalingMeasurement measure_turns(const ScalingPlan& plan, const MeasureWithThreads& measure,
                                 const Control& control) {
  const double end = host_seconds() + (control.quick ? 24 : 165);
  ScalingMeasurement measured{{}, plan.turns};
  double longest = 0;
  for (int turn = 0; turn < plan.turns; ++turn) {
    // A turn that would exceed the limit is not started, since an incomplete turn has no ratios.
    if (turn > 0 && host_seconds() + longest > end) {
      measured.turns = turn;
      break;
    }
    const double begin = host_seconds();
    for (const int threads : plan.threads) {
      if (control.should_stop()) break;
      control.tell(fmt::format("turn {} of {}: {}", turn + 1, plan.turns,
                               io::show_count(threads, "thread")));
      for (const ScalingTime& time : measure(threads)) {
        measured.times.push_back({turn, threads, time});
      }
    }
    longest = std::max(longest, host_seconds() - begin);
  }
  return measured;
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
  explicit ThreadCurves(const std::vector<TimeInTurn>& times) {
    for (const auto& [turn, threads, time] : times) {
      const auto [found, is_new] = places_.insert({time.of, curves_.size()});
      if (is_new) curves_.push_back({time.of, {}});
      ThreadCurve& curve = curves_[found->second];
      curve.points.threads.push_back(threads);
      curve.points.seconds.push_back(time.seconds);
    }
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

// The part of a deck that stops scaling first, and the speedup of the deck's step.
struct FirstToStop {
  ScalingCase of;
  int threads;  // 0: it still scales, but least of all
  double speedup;
  double step_speedup;
  std::vector<double> step_speedups;  // by turn
};

// Returns the first part to stop scaling among those with at least 2 % of the step's time on one
// thread; of several, the one with the least speedup.
std::optional<FirstToStop> first_to_stop(const std::string& deck, const ThreadCurves& curves,
                                         const std::vector<int>& threads) {
  const int most = threads.back();
  const auto measured = [&](const ThreadCurve& curve) {
    return std::all_of(threads.begin(), threads.end(), [&](int p) { return curve.at(p) > 0; });
  };
  const auto rank = [](int count) { return count == 0 ? INT_MAX : count; };
  const ThreadCurve* step = curves.find({deck, "", "training step", "strong"});
  if (!step || !measured(*step)) return std::nullopt;
  std::optional<FirstToStop> first;
  for (const ThreadCurve& curve : curves.all()) {
    const ScalingCase& key = curve.key;
    if (key.subject != deck || key.layer.empty() || key.scaling != "strong") continue;
    if (!measured(curve) || curve.at(1) < 0.02 * step->at(1)) continue;
    const int stops = stops_at(curve, threads);
    const double speedup = curve.at(1) / curve.at(most);
    if (first && std::pair(rank(stops), speedup) >= std::pair(rank(first->threads), first->speedup))
      continue;
    first = {key, stops, speedup, step->at(1) / step->at(most), step->speedups(most)};
  }
  return first;
}

struct ScalingFit {
  std::vector<CurveFit> curves;
  std::vector<FirstToStop> first_to_stop;  // of each deck for which it is known
};

ScalingFit fit(const ScalingMeasurement& measured, const std::vector<int>& threads,
               const std::vector<DeckCase>& decks) {
  const ThreadCurves curves(measured.times);
  const int most = threads.back();
  ScalingFit fits;
  for (const ThreadCurve& curve : curves.all()) {
    if (curve.key.scaling != "strong" || curve.at(most) == 0 || curve.at(1) == 0) continue;
    ScalingCase weak = curve.key;
    weak.scaling = "weak";
    fits.curves.push_back(fit_of(curve, curves.find(weak), most));
  }
  for (const DeckCase& deck : decks) {
    if (const auto first = first_to_stop(deck.name, curves, threads)) {
      fits.first_to_stop.push_back(*first);
    }
  }
  return fits;
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

std::string number(double value) { return fmt::format("{:.3f}", value); }

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

void present_first_to_stop(const FirstToStop& first, int most, Study& study) {
  const bool scales = first.threads == 0;
  study.answers.push_back(fmt::format(
      "{}: {}; {} {}/{}, {:.2f} times", first.of.subject,
      tell_speedup(most, first.step_speedup, first.step_speedups),
      scales ? std::string("every part still scales, least of all")
             : "the first to stop scaling, at " + io::show_count(first.threads, "thread") + ", is",
      first.of.layer, first.of.phase, first.speedup));
  study.fit["first_to_stop"].push_back({{"deck", first.of.subject},
                                        {"layer", first.of.layer},
                                        {"phase", first.of.phase},
                                        {"threads", scales ? io::Json() : io::Json(first.threads)},
                                        {"speedup", first.speedup}});
}

void present(const ScalingMeasurement& measured, const ScalingFit& fits, const ScalingPlan& plan,
             Study& study) {
  if (measured.turns < plan.turns) {
    study.notes.push_back(fmt::format("{} of {} turns were made to stay within the time",
                                      measured.turns, plan.turns));
  }
  for (const auto& [turn, threads, time] : measured.times) {
    io::Json point = to_json(time);
    point["threads"] = threads;
    point["turn"] = turn;
    study.points.push_back(std::move(point));
  }
  for (const CurveFit& curve : fits.curves) {
    study.fit["curves"].push_back(json_of(curve));
    if (curve.of.layer.empty()) add_row(curve, study);
  }
  for (const FirstToStop& first : fits.first_to_stop) {
    present_first_to_stop(first, plan.threads.back(), study);
  }
}

}  // namespace

std::string tell_speedup(int threads, double speedup, const std::vector<double>& turns) {
  const auto [low, high] = std::minmax_element(turns.begin(), turns.end());
  const std::string range =
      turns.size() > 1 ? fmt::format(" ({:.2f} to {:.2f} turn by turn)", *low, *high) : "";
  if (speedup < model::kWin) {
    return fmt::format("{} threads make a step no faster, {:.2f} times{}", threads, speedup, range);
  }
  return fmt::format("{} threads make a step {:.2f} times as fast{}", threads, speedup, range);
}

Study study_scaling(const ScalingBounds& bounds, const MeasureWithThreads& measure,
                    const Control& control) {
  const ScalingPlan plan = plan_of(bounds, control.quick);
  Study study = empty_study(bounds, plan, control.quick);
  const ScalingMeasurement measured = measure_turns(plan, measure, control);
  present(measured, fit(measured, plan.threads, bounds.decks), plan, study);
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
