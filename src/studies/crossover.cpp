#include "studies/crossover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/scalar.hpp"
#include "machine/peak.hpp"
#include "machine/space_memory.hpp"
#include "model/layer_runner.hpp"
#include "model/step_runner.hpp"
#include "studies/crossover_measuring.hpp"

namespace ridgeline::studies {
namespace {

using model::LayerRunner;
using model::Pass;
using model::StepRunner;
// The work of a layer that runs alone, part by part.
template <class Space>
model::StepWork work_of(LayerRunner<Space, float>& runner, const layers::Layer& layer, Pass pass,
                        std::size_t batch) {
  using layers::Phase;
  const auto [forward, backward] = runner.count_launches();
  model::StepWork work;
  if (pass == Pass::forward) {
    work.parts = {{layer.kind, Phase::forward,
                   layer.counts({Phase::forward, batch, true, false}, sizeof(float)), forward}};
    return work;
  }
  for (const auto& [phase, launches] :
       {std::pair(Phase::forward, forward), std::pair(Phase::backward, backward)}) {
    work.parts.push_back(
        {layer.kind, phase, layer.counts({phase, batch}, sizeof(float)), launches});
  }
  return work;
}

template <class T>
void measure_deck(const DeckCase& deck, const std::vector<std::size_t>& batches, bool training,
                  CrossoverMeasuring& measuring, std::vector<SizeCurve>& curves) {
  SizeCurve curve{deck.name, training ? "training step" : "inference", "batch", {}};
  for (const std::size_t batch : batches) {
    io::Json about = {{"batch", batch}, {"precision", config::to_string(deck.precision)}};
    measuring.add(
        curve, double(batch), deck.plan->step_counts(training, batch, sizeof(T)), about,
        [&](const auto& instance) {
          using Space = std::decay_t<decltype(instance)>;
          return std::make_unique<StepRunner<Space, T>>(instance, deck.plan, deck.gemm, batch,
                                                        training);
        },
        [&](auto& step) { return model::parts_of(step, *deck.plan, training, batch); });
  }
  curves.push_back(std::move(curve));
}

// The widths of a family's curve; if quick every other one, the largest always.
std::vector<std::size_t> widths_of(const LayerFamily& family, const CrossoverBounds& bounds,
                                   bool quick) {
  if (!bounds.widths.empty()) return bounds.widths;
  const std::vector<std::size_t> all = family.widths();
  if (!quick) return all;
  std::vector<std::size_t> widths;
  for (std::size_t i = (all.size() + 1) % 2; i < all.size(); i += 2) widths.push_back(all[i]);
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

// Returns the layer of a width; throws RequestError for one that is not possible.
std::shared_ptr<const layers::Layer> layer_of(const LayerFamily& family, std::size_t width) {
  try {
    return family.layer(width);
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
      model::memory_bytes(*family.layer(family.width), pass, batch, family.tokens, target);
  for (const std::size_t width : widths) {
    bytes = std::max(bytes, model::memory_bytes(*layer_of(family, width), pass, family.batch,
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
    io::Json about = {{"width", width}, {"batch", batch}, {"precision", "float32"}};
    measuring.add(
        curve, size, model::counts_of(*layer, pass, batch, sizeof(float)), about,
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
// Returns a quantity of a precision that the study needs and the machine file lacks; empty if none.
std::string lacking(const CrossoverBounds& bounds, const std::string& precision) {
  const model::Ceilings ceilings(*bounds.machine_file, bounds.machine_path, bounds.machine_space,
                                 precision);
  for (const std::string& name : ceilings.absent()) {
    if (name != "dispatch" && name != "cache bandwidth") return name;
  }
  return "";
}

// Leaves out, with a note, decks of a precision of which the machine file has no peak. Throws
// RequestError if nothing is left.
CrossoverBounds possible(CrossoverBounds bounds, std::vector<std::string>& notes) {
  if (!bounds.machine_file) return bounds;
  const std::string layers = bounds.no_layers ? "" : lacking(bounds, "float32");
  std::string last = layers;
  std::vector<DeckCase> decks;
  for (const DeckCase& deck : bounds.decks) {
    const std::string lacks = lacking(bounds, config::to_string(deck.precision));
    if (lacks.empty()) {
      decks.push_back(deck);
    } else {
      last = lacks;
      notes.push_back(
          fmt::format("leaving out {}: {} has no {}", deck.name, bounds.machine_path, lacks));
    }
  }
  bounds.decks = decks;
  if (!layers.empty() || (bounds.no_layers && decks.empty() && !last.empty())) {
    throw RequestError(
        fmt::format("{}: has no {}, and without it nothing can be said of the times there",
                    bounds.machine_path, last));
  }
  return bounds;
}

}  // namespace

Study study_crossover(const CrossoverBounds& requested, const Control& control) {
  std::vector<std::string> left_out;
  const CrossoverBounds bounds = possible(requested, left_out);
  const Comparison comparison = comparison_of(bounds);
  for (const auto* list : {&bounds.widths, &bounds.batches}) {
    if (std::adjacent_find(list->begin(), list->end(), std::greater_equal<>()) != list->end() ||
        std::any_of(list->begin(), list->end(), [](std::size_t size) { return size == 0; })) {
      throw RequestError("--widths and --batches: must be positive and increase");
    }
  }
  const std::vector<LayerFamily> families =
      bounds.no_layers ? std::vector<LayerFamily>() : families_of(bounds.kinds);
  if (families.empty() && bounds.decks.empty()) {
    throw RequestError("crossover: neither layers nor decks are left to compare");
  }
  Study study{"crossover",
              "for smaller tasks CPUs can be quicker; the more memory an operation needs, the "
              "greater the GPU's advantage",
              {{"first", to_string(bounds.first)},
               {"second", comparison.from_file ? bounds.machine_space : to_string(bounds.second)},
               {"layers", shapes_of(families)}},
              io::Json::array(),
              {{"crossovers", io::Json::array()}, {"advantage", io::Json::array()}},
              io::Table(columns_of(comparison)),
              {},
              {},
              true};
  if (comparison.from_file) {
    note_what_is_measured(bounds, comparison, study);
  } else if (!comparison.device) {
    study.notes.push_back("no device is compared: " + comparison.second +
                          " stands for the wide machine and " + comparison.first +
                          " for the quick one, and nothing is transferred");
  }
  study.notes.insert(study.notes.end(), left_out.begin(), left_out.end());
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
      if (pass == Pass::forward && family.layer(family.width)->is_view(false)) continue;
      layers.emplace_back(&family, pass);
    }
  }
  double largest_host = 0;
  std::vector<SpaceKind> spaces = {bounds.first};
  if (!comparison.from_file) spaces.push_back(bounds.second);
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
  CrossoverMeasuring measuring(bounds, control, 2 * (layers.size() + bounds.decks.size()), study);
  std::vector<SizeCurve> curves;
  for (const auto& [family, pass] : layers) {
    measure_layer(*family, widths_of(*family, bounds, control.quick), layer_batches, pass,
                  measuring, curves);
  }
  for (const DeckCase& deck : bounds.decks) {
    for (const bool training : {false, true}) {
      measuring.begin_curve();
      with_scalar(config::scalar_bytes(deck.precision), [&](auto zero) {
        measure_deck<decltype(zero)>(deck, deck_batches, training, measuring, curves);
      });
    }
  }
  if (measuring.left_out() > 0) {
    study.notes.push_back(fmt::format(
        "{} of the largest sizes were left out to stay within the time", measuring.left_out()));
  }
  if (comparison.from_file) {
    note_what_is_missing(measuring.without_record(), measuring.absent(), bounds, comparison, study);
  }
  if (!control.should_stop() && !curves.empty() &&
      std::all_of(curves.begin(), curves.end(),
                  [](const SizeCurve& curve) { return curve.points.size() < 2; })) {
    study.notes.push_back("one size shows no crossover: give several --batches or --widths");
  }
  add_rows(curves, comparison, study);
  tell_answers(curves, comparison, study);
  finish(study, control);
  return study;
}

}  // namespace ridgeline::studies
