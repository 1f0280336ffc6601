#include "studies/crossover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/launch.hpp"
#include "core/recorded_launches.hpp"
#include "core/timing.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/ceilings.hpp"
#include "model/crossover.hpp"
#include "model/layer_runner.hpp"
#include "model/step_runner.hpp"

namespace ridgeline::studies {
namespace {

using model::Crossover;
using model::LayerRunner;
using model::Pass;
using model::SizePoint;
using model::StepRunner;

// The ways in which the two spaces are compared.
enum Way { kEager, kWithTransfers, kGraph, kWays };
constexpr const char* kWayNames[] = {"eager", "with_transfers", "graph"};

// What was measured of one size: ratios first / second by way, empty where that was not measured.
struct Measured {
  double size = 0, bytes = 0;
  std::vector<double> ratios[kWays];
};

// One curve: what grows, and its points.
struct SizeCurve {
  std::string what, pass, grows;
  std::vector<Measured> points;
};

class Measuring {
 public:
  Measuring(const CrossoverBounds& bounds, const Control& control, std::size_t curves, Study& study)
      : bounds_(bounds), control_(control), study_(study), curves_left_(curves) {
    // Machines stay disturbed for milliseconds: more turns rather than longer ones.
    options_.min_repeats = control.quick ? 5 : 9;
    options_.min_seconds = control.quick ? 0.003 : 0.01;
    // A first call finds its memory nowhere, and threads asleep.
    options_.warm_up_seconds = control.quick ? 0.001 : 0.002;
    options_.clock = Clock::host;
    options_.stopped = control.stopped;
    if (bounds.machine_file) {
      std::set<std::string> precisions = {"float32"};
      for (const DeckCase& deck : bounds.decks) precisions.insert(to_string(deck.precision));
      for (const std::string& precision : precisions) {
        ceilings_.try_emplace(precision, *bounds.machine_file, bounds.machine_name,
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

  /// Times one size on both spaces. `make(instance)` gives something to run.
  template <class Make>
  void add(SizeCurve& curve, double size, const layers::Counts& counts, io::Json about,
           const Make& make) {
    if (control_.should_stop()) return;
    // Two sizes at least: one is no curve.
    if (curve.points.size() >= 2 && host_seconds() > curve_end_) {
      ++left_out_;
      return;
    }
    Measured measured;
    measured.size = size;
    measured.bytes = counts.working_set_bytes;
    about["what"] = curve.what;
    about["pass"] = curve.pass;
    about["grows"] = curve.grows;
    about["flops"] = counts.flops;
    about["working_set_bytes"] = counts.working_set_bytes;
    with_space(bounds_.first, [&](const auto& a) {
      if (bounds_.machine_file) {
        against_file(a, counts, about, measured, make);
        return;
      }
      with_space(bounds_.second, [&](const auto& default_b) {
        using B = std::decay_t<decltype(default_b)>;
        const OwnQueue<B> queue;
        against_space(a, queue.instance(), about, measured, make);
      });
    });
    study_.points.push_back(about);
    control_.tell(fmt::format("{} {}, {} {:g}: {:.2f} times", curve.what, curve.pass, curve.grows,
                              size, median_of(measured.ratios[kEager])));
    curve.points.push_back(std::move(measured));
  }

 private:
  template <class A, class B, class Make>
  void against_space(const A& a, const B& b, io::Json& about, Measured& measured,
                     const Make& make) {
    auto on_a = make(a);
    auto on_b = make(b);
    const auto note = [&](Way way, const TimingInTurn& timing) {
      measured.ratios[way] = timing.ratios;
      about[kWayNames[way]] = {{"first_seconds", timing.a},
                               {"second_seconds", timing.b},
                               {"ratio", timing.ratio},
                               {"ratios", timing.ratios}};
    };
    note(kEager, ratio_in_turn(
                     a, [&] { on_a->run(); }, b, [&] { on_b->run(); }, options_));
    if constexpr (!kIsHost<B>) {
      // Whoever transfers a batch waits for it.
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

  template <class A, class Make>
  void against_file(const A& a, const layers::Counts& counts, io::Json& about, Measured& measured,
                    const Make& make) {
    auto on_a = make(a);
    const LaunchCount before = launch_count;
    on_a->run();
    const LaunchCount launches = launch_count - before;
    model::Work work;
    work.flops = counts.flops;
    work.bytes = counts.bytes;
    work.working_set_bytes = counts.working_set_bytes;
    work.parallel_dispatches = double(launches.parallel);
    work.single_dispatches = double(launches.single);
    work.barriers = double(launches.barriers);
    const model::Ceilings& ceilings = ceilings_.at(about.at("precision").get<std::string>());
    const double seconds = ceilings.place(work).ceiling_seconds;
    const double moved = ceilings.transfer_seconds(on_a->bytes_to_space(), on_a->bytes_to_host());
    const std::vector<double> samples = measure_samples(a, options_, [&] { on_a->run(); });
    const auto note = [&](Way way, double second) {
      std::vector<double> ratios;
      for (const double sample : samples) ratios.push_back(sample / second);
      about[kWayNames[way]] = {{"first_seconds", summarize(samples)},
                               {"second_ceiling_seconds", second},
                               {"ratio", median_of(ratios)},
                               {"ratios", ratios}};
      measured.ratios[way] = std::move(ratios);
    };
    note(kEager, seconds);
    if (moved > 0) note(kWithTransfers, seconds + moved);
  }

  const CrossoverBounds& bounds_;
  const Control& control_;
  Study& study_;
  MeasureOptions options_;
  std::map<std::string, model::Ceilings> ceilings_;  ///< the machine file's, by precision
  double end_, curve_end_ = 0;
  std::size_t curves_left_, left_out_ = 0;
};

// The interval of a crossover as people read it.
io::Cell crossover_cell(const Crossover& crossover) {
  const auto number = [](double size) {
    return std::isfinite(size) ? fmt::format("{:g}", size) : std::string("never");
  };
  const std::string value = crossover.kind == Crossover::Kind::always
                                ? fmt::format("all, {:g} on", crossover.size.value)
                                : number(crossover.size.value);
  if (crossover.size.low == crossover.size.high) {
    return io::Cell::shown_as(crossover.size.value, value);
  }
  return io::Cell::shown_as(
      crossover.size.value,
      fmt::format("{} ({} to {})", value, number(crossover.size.low), number(crossover.size.high)),
      value);
}

io::Json json_of(const Crossover& crossover) {
  io::Json json = to_json(crossover.size);
  json["kind"] = model::to_string(crossover.kind);
  return json;
}

Crossover crossover_of(const SizeCurve& curve, Way way) {
  std::vector<SizePoint> points;
  for (const Measured& point : curve.points) {
    if (!point.ratios[way].empty()) points.push_back({point.size, point.ratios[way]});
  }
  return model::find_crossover(points);
}

bool measured(const SizeCurve& curve, Way way) {
  return !curve.points.empty() && !curve.points.back().ratios[way].empty();
}

// A row of the table: the curves of one layer or deck in one pass.
void add_row(const std::vector<const SizeCurve*>& curves, const std::string& what,
             const std::string& pass, bool ways, Study& study) {
  std::vector<io::Cell> row = {what, pass};
  std::vector<double> bytes, ratios;
  for (const char* grows : {"width", "batch"}) {
    const SizeCurve* found = nullptr;
    for (const SizeCurve* curve : curves) {
      if (curve->grows == grows && curve->points.size() > 1) found = curve;
    }
    for (int way = 0; way < (ways ? kWays : 1); ++way) {
      if (!found || !measured(*found, Way(way))) {
        row.emplace_back();
        continue;
      }
      const Crossover crossover = crossover_of(*found, Way(way));
      study.fit["crossovers"].push_back({{"what", what},
                                         {"pass", pass},
                                         {"grows", grows},
                                         {"way", kWayNames[way]},
                                         {"size", json_of(crossover)}});
      row.push_back(crossover_cell(crossover));
    }
    if (!found) continue;
    for (const Measured& point : found->points) {
      bytes.push_back(point.bytes);
      ratios.push_back(median_of(point.ratios[kEager]));
    }
  }
  if (ratios.empty()) return;
  row.push_back(io::Cell(*std::min_element(ratios.begin(), ratios.end()), "{:.2f}"));
  row.push_back(io::Cell(*std::max_element(ratios.begin(), ratios.end()), "{:.2f}"));
  if (const auto advantage = model::fit_advantage(bytes, ratios)) {
    study.fit["advantage"].push_back(
        {{"what", what},
         {"pass", pass},
         {"per_doubling_of_bytes", to_json(advantage->per_doubling)},
         {"break_even_bytes", advantage->break_even ? to_json(*advantage->break_even) : io::Json()},
         {"deviation_log2", advantage->residual_deviation}});
    row.push_back(
        estimate_cell(advantage->per_doubling, [](double x) { return fmt::format("{:.2f}", x); }));
  }
  study.table.add_row(row);
}

void tell_answers(const std::vector<SizeCurve>& curves, const std::string& first,
                  const std::string& second, Study& study) {
  int total = 0, never = 0, always = 0, small_lose = 0, small_win = 0;
  for (const io::Json& fit : study.fit["crossovers"]) {
    if (fit.at("way") != kWayNames[kEager]) continue;
    ++total;
    never += fit.at("size").at("kind") == "never";
    always += fit.at("size").at("kind") == "always";
  }
  for (const SizeCurve& curve : curves) {
    if (curve.points.size() < 2) continue;
    const double ratio = median_of(curve.points.front().ratios[kEager]);
    small_lose += ratio < 1 / model::kWin;
    small_win += ratio > model::kWin;
  }
  if (total == 0) return;
  study.answers.push_back(fmt::format(
      "of {} curves {} wins from some size on in {}, at every size in {}, and never in {}; at the "
      "smallest size {} wins {}, {} {}, and {} are ties",
      total, second, total - never - always, always, never, first, small_lose, second, small_win,
      total - small_lose - small_win));
  int grows = 0, shrinks = 0, all = 0;
  for (const io::Json& fit : study.fit["advantage"]) {
    const io::Json& slope = fit.at("per_doubling_of_bytes");
    ++all;
    grows += slope.at("low").is_number() && slope.at("low").get<double>() > 1;
    shrinks += slope.at("high").is_number() && slope.at("high").get<double>() < 1;
  }
  study.answers.push_back(fmt::format(
      "the more bytes an operation touches, the greater {}'s advantage: so for {} of {} "
      "rows, the other way for {}, undecided for the rest",
      second, grows, all, shrinks));
}

template <class T>
void measure_deck(const DeckCase& deck, const std::vector<std::size_t>& batches, bool training,
                  Measuring& measuring, std::vector<SizeCurve>& curves) {
  SizeCurve curve{deck.name, training ? "training step" : "inference", "batch", {}};
  for (const std::size_t batch : batches) {
    io::Json about = {{"batch", batch}, {"precision", config::to_string(deck.precision)}};
    measuring.add(curve, double(batch), deck.plan->step_counts(training, batch, sizeof(T)), about,
                  [&](const auto& instance) {
                    using Space = std::decay_t<decltype(instance)>;
                    return std::make_unique<StepRunner<Space, T>>(instance, deck.plan, deck.gemm,
                                                                  batch, training);
                  });
  }
  curves.push_back(std::move(curve));
}

// The widths of a family's curve; if quick every other one, the largest always.
std::vector<std::size_t> widths_of(const LayerFamily& family, const CrossoverBounds& bounds,
                                   bool quick) {
  if (!bounds.widths.empty()) return bounds.widths;
  if (!quick) return family.widths;
  std::vector<std::size_t> widths;
  for (std::size_t i = (family.widths.size() + 1) % 2; i < family.widths.size(); i += 2) {
    widths.push_back(family.widths[i]);
  }
  return widths;
}

// What layers and networks are to a space.
template <class T>
layers::Target target_on(SpaceKind kind, kernels::GemmBackend gemm) {
  layers::Target target;
  with_space(kind, [&](const auto& instance) {
    target = layers::target_of<std::decay_t<decltype(instance)>, T>(instance, gemm);
  });
  return target;
}

// The layer of a width; whoever asked for one that cannot be is told so.
std::unique_ptr<layers::LayerPlan> plan_of(const LayerFamily& family, std::size_t width) {
  try {
    return family.plan(width);
  } catch (const RequestError& error) {
    // The deck that it was read from is ours: file, line and key mean nothing to a reader.
    const std::string text = error.what();
    const std::size_t key = text.find(".layer.0.");
    throw RequestError(fmt::format("--widths: {} of width {}: {}", family.kind, width,
                                   key == std::string::npos ? text : text.substr(key + 9)));
  }
}

// Bytes that the largest sizes take.
double memory_of(const LayerFamily& family, Pass pass, const std::vector<std::size_t>& widths,
                 std::size_t batch, SpaceKind space) {
  const layers::Target target = target_on<float>(space, kernels::GemmBackend::native);
  double bytes =
      model::memory_bytes(*family.plan(family.width), pass, batch, family.tokens, target);
  for (const std::size_t width : widths) {
    bytes = std::max(bytes, model::memory_bytes(*plan_of(family, width), pass, family.batch,
                                                family.tokens, target));
  }
  return bytes;
}

double memory_of(const DeckCase& deck, std::size_t batch, SpaceKind space) {
  const layers::Target target = deck.precision == config::Precision::float32
                                    ? target_on<float>(space, deck.gemm)
                                    : target_on<double>(space, deck.gemm);
  return static_cast<double>(deck.plan->memory(target, batch, true).total());
}

void measure_layer(const LayerFamily& family, const std::vector<std::size_t>& widths,
                   const std::vector<std::size_t>& batches, Pass pass, Measuring& measuring,
                   std::vector<SizeCurve>& curves) {
  const auto add = [&](SizeCurve& curve, double size, std::size_t width, std::size_t batch) {
    const std::unique_ptr<layers::LayerPlan> plan = family.plan(width);
    io::Json about = {{"width", width}, {"batch", batch}, {"precision", "float32"}};
    measuring.add(curve, size, model::counts_of(*plan, pass, batch, sizeof(float)), about,
                  [&](const auto& instance) {
                    using Space = std::decay_t<decltype(instance)>;
                    return std::make_unique<LayerRunner<Space, float>>(instance, *plan, batch, pass,
                                                                       family.tokens);
                  });
  };
  measuring.begin_curve();
  SizeCurve by_width{family.kind, model::to_string(pass), "width", {}};
  for (const std::size_t width : widths) add(by_width, double(width), width, family.batch);
  measuring.begin_curve();
  SizeCurve by_batch{family.kind, model::to_string(pass), "batch", {}};
  for (const std::size_t batch : batches) add(by_batch, double(batch), family.width, batch);
  curves.push_back(std::move(by_width));
  curves.push_back(std::move(by_batch));
}

}  // namespace

Study study_crossover(const CrossoverBounds& bounds, const Control& control) {
  const std::string first = to_string(bounds.first);
  const bool from_file = bounds.machine_file.has_value();
  const std::string second =
      from_file ? bounds.machine_space + " of " + bounds.machine_name : to_string(bounds.second);
  // Transfers and graphs are a device's.
  const bool ways = from_file ? bounds.machine_space == "cuda" : !machine::is_host(bounds.second);
  for (const auto* list : {&bounds.widths, &bounds.batches}) {
    if (std::adjacent_find(list->begin(), list->end(), std::greater_equal<>()) != list->end() ||
        std::any_of(list->begin(), list->end(), [](std::size_t size) { return size == 0; })) {
      throw RequestError("--widths and --batches: must be positive and increase");
    }
  }
  const std::vector<LayerFamily> families = families_of(bounds.kinds);
  std::vector<io::Column> columns = {{"layer or deck", "what", io::Align::left},
                                     {"pass", "pass", io::Align::left, 0}};
  for (const char* grows : {"width", "batch"}) {
    columns.push_back({std::string(grows) + " from", std::string(grows) + "_from"});
    if (!ways) continue;
    columns.push_back(
        {"with transfers", std::string(grows) + "_with_transfers_from", io::Align::right, 3});
    columns.push_back({"as a graph", std::string(grows) + "_graph_from", io::Align::right, 4});
  }
  columns.push_back({"worst", "smallest_ratio"});
  columns.push_back({"best", "largest_ratio"});
  columns.push_back({"a doubling of bytes", "per_doubling_of_bytes", io::Align::right, 2});
  Study study{"crossover",
              "for smaller tasks CPUs can be quicker; the more memory an operation needs, the "
              "greater the GPU's advantage",
              {{"first", first}, {"second", second}, {"layers", shapes_of(families)}},
              io::Json::array(),
              {{"crossovers", io::Json::array()}, {"advantage", io::Json::array()}},
              io::Table(columns),
              {},
              {},
              true};
  if (!ways) {
    study.notes.push_back(
        from_file ? "the second space's times are what the ceilings of its file allow"
                  : "no device is compared: " + second + " stands for the wide machine and " +
                        first + " for the quick one, and nothing is transferred");
  }
  if (from_file && ways) {
    study.notes.push_back(
        "the second space's times are the ceilings of its file: no real kernel is "
        "as fast, so it wins later than is said");
  }
  note_binding(study.notes);
  std::vector<std::size_t> layer_batches = bounds.batches, deck_batches = bounds.batches;
  if (bounds.batches.empty()) {
    const std::size_t step = control.quick ? 4 : 2;
    for (std::size_t batch = 1; batch <= (control.quick ? 256u : 512u); batch *= step) {
      layer_batches.push_back(batch);
    }
    for (std::size_t batch = 1; batch <= (control.quick ? 64u : 256u); batch *= 4) {
      deck_batches.push_back(batch);
    }
  }
  // Quick: what a network does when it is used.
  const std::vector<Pass> passes = control.quick ? std::vector<Pass>{Pass::forward}
                                                 : std::vector<Pass>{Pass::forward, Pass::both};
  std::vector<std::pair<const LayerFamily*, Pass>> layers;
  for (const LayerFamily& family : families) {
    for (const Pass pass : passes) {
      // A view does nothing.
      if (pass == Pass::forward && family.plan(family.width)->is_view(false)) continue;
      layers.emplace_back(&family, pass);
    }
  }
  double largest_host = 0;
  std::vector<SpaceKind> spaces = {bounds.first};
  if (!from_file) spaces.push_back(bounds.second);
  for (const SpaceKind space : spaces) {
    double largest = 0;
    for (const auto& [family, pass] : layers) {
      largest =
          std::max(largest, memory_of(*family, pass, widths_of(*family, bounds, control.quick),
                                      layer_batches.back(), space));
    }
    for (const DeckCase& deck : bounds.decks) {
      largest = std::max(largest, memory_of(deck, deck_batches.back(), space));
    }
    // Two hosts' arrays lie in the same memory.
    if (machine::is_host(space)) largest = largest_host += largest;
    require_memory(space, largest);
  }
  for (const SpaceKind space : spaces) machine::warm_up(space);
  // A layer by width and by batch, a deck's inference and its training step.
  Measuring measuring(bounds, control, 2 * (layers.size() + bounds.decks.size()), study);
  std::vector<SizeCurve> curves;
  for (const auto& [family, pass] : layers) {
    measure_layer(*family, widths_of(*family, bounds, control.quick), layer_batches, pass,
                  measuring, curves);
  }
  for (const DeckCase& deck : bounds.decks) {
    for (const bool training : {false, true}) {
      measuring.begin_curve();
      if (deck.precision == config::Precision::float32) {
        measure_deck<float>(deck, deck_batches, training, measuring, curves);
      } else {
        measure_deck<double>(deck, deck_batches, training, measuring, curves);
      }
    }
  }
  if (measuring.left_out() > 0) {
    study.notes.push_back(fmt::format(
        "{} of the largest sizes were left out to stay within the time", measuring.left_out()));
  }
  for (std::size_t i = 0; i < curves.size();) {
    std::vector<const SizeCurve*> group;
    std::size_t end = i;
    while (end < curves.size() && curves[end].what == curves[i].what &&
           curves[end].pass == curves[i].pass) {
      group.push_back(&curves[end++]);
    }
    add_row(group, curves[i].what, curves[i].pass, ways, study);
    i = end;
  }
  tell_answers(curves, first, second, study);
  study.complete = !control.should_stop();
  return study;
}

}  // namespace ridgeline::studies
