#include "studies/crossover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "core/scalar.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/layer_runner.hpp"
#include "model/step_runner.hpp"
#include "studies/crossover_measuring.hpp"
#include "studies/crossover_report.hpp"

namespace ridgeline::studies {
namespace {

using model::LayerRunner;
using model::Pass;
using model::StepRunner;

// Returns the work of a layer that runs alone, by part.
template <class Space>
model::StepWork work_of(LayerRunner<Space, float>& runner, const layers::Layer& layer, Pass pass,
                        std::size_t batch) {
  const auto [forward, backward] = runner.count_launches();
  model::StepWork work;
  for (const layers::CountedPass& counted : model::counted_passes(pass, batch)) {
    work.parts.push_back({layer.kind, counted.phase, layer.counts(counted, sizeof(float)),
                          counted.phase == layers::Phase::forward ? forward : backward});
  }
  return work;
}

template <class T>
void measure_deck(const DeckCase& deck, const std::vector<std::size_t>& batches, bool training,
                  CrossoverMeasuring& measuring, std::vector<SizeCurve>& curves) {
  SizeCurve curve{deck.name, training ? "training step" : "inference", "batch", {}};
  for (const std::size_t batch : batches) {
    SizeMeasurement point;
    point.size = double(batch);
    point.batch = batch;
    point.precision = config::to_string(deck.precision);
    measuring.add(
        curve, point, deck.plan->step_counts(training, batch, sizeof(T)),
        [&](const auto& instance) {
          using Space = std::decay_t<decltype(instance)>;
          return std::make_unique<StepRunner<Space, T>>(instance, deck.plan, deck.gemm, batch,
                                                        training);
        },
        [&](auto& step) { return model::parts_of(step, *deck.plan, training, batch); });
  }
  curves.push_back(std::move(curve));
}

// Returns the widths of a family's curve; if quick every other one, always including the largest.
std::vector<std::size_t> widths_of(const LayerFamily& family, const CrossoverBounds& bounds,
                                   bool quick) {
  if (!bounds.widths.empty()) return bounds.widths;
  const std::vector<std::size_t> all = family.widths();
  if (!quick) return all;
  std::vector<std::size_t> widths;
  for (std::size_t i = (all.size() + 1) % 2; i < all.size(); i += 2) widths.push_back(all[i]);
  return widths;
}

// Returns the target of layers and networks on a space.
template <class T>
layers::Target target_on(SpaceKind kind, kernels::GemmBackend gemm) {
  layers::Target target;
  with_space(kind, [&](const auto& instance) {
    target = layers::target_of<std::decay_t<decltype(instance)>, T>(instance, gemm);
  });
  return target;
}

// Returns the bytes that the largest sizes need.
double memory_of(const LayerFamily& family, Pass pass, const std::vector<std::size_t>& widths,
                 std::size_t batch, SpaceKind space) {
  const layers::Target target = target_on<float>(space, kernels::GemmBackend::native);
  double bytes =
      model::memory_bytes(*family.layer(family.width), pass, batch, family.tokens, target);
  for (const std::size_t width : widths) {
    bytes = std::max(bytes, model::memory_bytes(*family.layer(width), pass, family.batch,
                                                family.tokens, target));
  }
  return bytes;
}

double memory_of(const DeckCase& deck, std::size_t batch, SpaceKind space) {
  const layers::Target target = with_scalar(config::scalar_bytes(deck.precision), [&](auto zero) {
    return target_on<decltype(zero)>(space, deck.gemm);
  });
  return static_cast<double>(deck.plan->memory(target, batch, true).total());
}

void measure_layer(const LayerFamily& family, const std::vector<std::size_t>& widths,
                   const std::vector<std::size_t>& batches, Pass pass,
                   CrossoverMeasuring& measuring, std::vector<SizeCurve>& curves) {
  const auto add = [&](SizeCurve& curve, double size, std::size_t width, std::size_t batch) {
    const std::shared_ptr<const layers::Layer> layer = family.layer(width);
    SizeMeasurement point;
    point.size = size;
    point.width = width;
    point.batch = batch;
    point.precision = "float32";
    measuring.add(
        curve, point, model::counts_of(*layer, pass, batch, sizeof(float)),
        [&](const auto& instance) {
          using Space = std::decay_t<decltype(instance)>;
          return std::make_unique<LayerRunner<Space, float>>(instance, layer, batch, pass,
                                                             family.tokens);
        },
        [&](auto& runner) { return work_of(runner, *layer, pass, batch); });
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

// What the study measures, after all checks.
struct CrossoverPlan {
  CrossoverBounds bounds;  // without the decks that are skipped
  Comparison comparison;
  std::map<std::string, model::Ceilings> ceilings;  // of the machine file, by precision
  std::vector<std::string> left_out;                // notes on skipped decks
  std::vector<LayerFamily> families;
  std::vector<std::pair<const LayerFamily*, Pass>> layers;
  std::vector<std::size_t> layer_batches, deck_batches;
  std::vector<SpaceKind> spaces;  // spaces that compute
};

// The measurements.
struct CrossoverResult {
  std::vector<SizeCurve> curves;
  std::size_t left_out = 0;  // number of sizes that were skipped
  std::set<std::string> without_record;
};

// Returns a quantity that the study needs and the machine file lacks; empty if it lacks none.
std::string lacking(const model::Ceilings& ceilings) {
  for (const std::string& name : ceilings.absent()) {
    if (name != "dispatch" && name != "cache bandwidth") return name;
  }
  return "";
}

// Reads the machine file's ceilings. Skips, with a note, decks of a precision for which it lacks a
// quantity. Throws RequestError if it lacks one for the layers, or if decks alone are measured and
// none remains.
void read_ceilings(CrossoverPlan& plan) {
  CrossoverBounds& bounds = plan.bounds;
  if (!bounds.machine_file) return;
  const auto lacking_of = [&](const std::string& precision) {
    const auto read = plan.ceilings.try_emplace(
        precision, *bounds.machine_file, bounds.machine_path, bounds.machine_space, precision);
    return lacking(read.first->second);
  };
  const std::string layers = bounds.no_layers ? "" : lacking_of("float32");
  std::string last = layers;
  std::vector<DeckCase> decks;
  for (const DeckCase& deck : bounds.decks) {
    const std::string lacks = lacking_of(config::to_string(deck.precision));
    if (lacks.empty()) {
      decks.push_back(deck);
    } else {
      last = lacks;
      plan.left_out.push_back(
          fmt::format("leaving out {}: {} has no {}", deck.name, bounds.machine_path, lacks));
    }
  }
  bounds.decks = decks;
  if (!layers.empty() || (bounds.no_layers && decks.empty() && !last.empty())) {
    throw RequestError(
        fmt::format("{}: has no {}, and without it nothing can be said of the times there",
                    bounds.machine_path, last));
  }
}

void require_increasing(const std::vector<std::size_t>& sizes) {
  if (std::adjacent_find(sizes.begin(), sizes.end(), std::greater_equal<>()) != sizes.end() ||
      std::any_of(sizes.begin(), sizes.end(), [](std::size_t size) { return size == 0; })) {
    throw RequestError("--widths and --batches: must be positive and increase");
  }
}

// Returns 1, step, step² … up to `most`.
std::vector<std::size_t> powers(std::size_t step, std::size_t most) {
  std::vector<std::size_t> sizes;
  for (std::size_t size = 1; size <= most; size *= step) sizes.push_back(size);
  return sizes;
}

void require_memory_of(const CrossoverPlan& plan, bool quick) {
  double largest_host = 0;
  for (const SpaceKind space : plan.spaces) {
    double largest = 0;
    for (const auto& [family, pass] : plan.layers) {
      largest = std::max(largest, memory_of(*family, pass, widths_of(*family, plan.bounds, quick),
                                            plan.layer_batches.back(), space));
    }
    for (const DeckCase& deck : plan.bounds.decks) {
      largest = std::max(largest, memory_of(deck, plan.deck_batches.back(), space));
    }
    // The arrays of two hosts are in the same memory.
    if (machine::is_host(space)) largest = largest_host += largest;
    require_memory(space, largest);
  }
}

CrossoverPlan plan_of(const CrossoverBounds& requested, bool quick) {
  CrossoverPlan plan;
  plan.bounds = requested;
  read_ceilings(plan);
  const CrossoverBounds& bounds = plan.bounds;
  plan.comparison = comparison_of(bounds);
  require_increasing(bounds.widths);
  require_increasing(bounds.batches);
  if (!bounds.no_layers) plan.families = families_of(bounds.kinds);
  if (plan.families.empty() && bounds.decks.empty()) {
    throw RequestError("crossover: neither layers nor decks are left to compare");
  }
  plan.layer_batches = plan.deck_batches = bounds.batches;
  if (bounds.batches.empty()) {
    plan.layer_batches = powers(quick ? 4 : 2, quick ? 256 : 512);
    plan.deck_batches = powers(4, quick ? 64 : 256);
  }
  // Quick: inference only.
  const std::vector<Pass> passes =
      quick ? std::vector<Pass>{Pass::forward} : std::vector<Pass>{Pass::forward, Pass::both};
  for (const LayerFamily& family : plan.families) {
    for (const Pass pass : passes) {
      // A view computes nothing.
      if (pass == Pass::forward && family.layer(family.width)->is_view(false)) continue;
      plan.layers.emplace_back(&family, pass);
    }
  }
  plan.spaces = {bounds.first};
  if (!plan.comparison.from_file) plan.spaces.push_back(bounds.second);
  require_memory_of(plan, quick);
  return plan;
}

CrossoverResult measure_curves(const CrossoverPlan& plan, const Control& control) {
  for (const SpaceKind space : plan.spaces) machine::warm_up(space);
  // Measures a layer by width and by batch, a deck's inference and its training step.
  CrossoverMeasuring measuring(plan.bounds, plan.ceilings, control,
                               2 * (plan.layers.size() + plan.bounds.decks.size()));
  CrossoverResult result;
  for (const auto& [family, pass] : plan.layers) {
    measure_layer(*family, widths_of(*family, plan.bounds, control.quick), plan.layer_batches, pass,
                  measuring, result.curves);
  }
  for (const DeckCase& deck : plan.bounds.decks) {
    for (const bool training : {false, true}) {
      measuring.begin_curve();
      with_scalar(config::scalar_bytes(deck.precision), [&](auto zero) {
        measure_deck<decltype(zero)>(deck, plan.deck_batches, training, measuring, result.curves);
      });
    }
  }
  result.left_out = measuring.left_out();
  result.without_record = measuring.without_record();
  return result;
}

// Returns the study before the first measurement.
Study empty_study(const CrossoverPlan& plan) {
  const Comparison& comparison = plan.comparison;
  Study study("crossover",
              "for smaller tasks CPUs can be quicker; the more memory an operation needs, the "
              "greater the GPU's advantage",
              columns_of(comparison));
  study.settings = {
      {"first", to_string(plan.bounds.first)},
      {"second", comparison.from_file ? plan.bounds.machine_space : to_string(plan.bounds.second)},
      {"layers", shapes_of(plan.families)}};
  if (comparison.from_file) {
    note_sources(plan.bounds, comparison, study);
  } else if (!comparison.device) {
    study.notes.push_back("no device is compared: " + comparison.second +
                          " stands for the wide machine and " + comparison.first +
                          " for the quick one, and nothing is transferred");
  }
  study.notes.insert(study.notes.end(), plan.left_out.begin(), plan.left_out.end());
  note_binding(study.notes);
  return study;
}

void present(const CrossoverPlan& plan, const CrossoverResult& result,
             const std::vector<FittedRow>& rows, const Control& control, Study& study) {
  if (result.left_out > 0) {
    study.notes.push_back(fmt::format(
        "{} of the largest sizes were left out to stay within the time", result.left_out));
  }
  if (plan.comparison.from_file) {
    std::set<std::string> absent;  // quantities that the machine file lacks
    for (const auto& [precision, ceilings] : plan.ceilings) {
      for (const std::string& name : ceilings.absent()) absent.insert(name);
    }
    note_missing(result.without_record, absent, plan.bounds, plan.comparison, study);
  }
  if (!control.should_stop() && !result.curves.empty() &&
      std::all_of(result.curves.begin(), result.curves.end(),
                  [](const SizeCurve& curve) { return curve.points.size() < 2; })) {
    study.notes.push_back("one size shows no crossover: give several --batches or --widths");
  }
  for (const SizeCurve& curve : result.curves) add_points(curve, study);
  study.fit = to_json(rows, plan.comparison);
  add_rows(rows, plan.comparison, study.table);
  tell_answers(rows, plan.comparison, study);
}

}  // namespace

Study study_crossover(const CrossoverBounds& requested, const Control& control) {
  const CrossoverPlan plan = plan_of(requested, control.quick);
  Study study = empty_study(plan);
  const CrossoverResult result = measure_curves(plan, control);
  present(plan, result, fit_rows(result.curves, plan.comparison), control, study);
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
