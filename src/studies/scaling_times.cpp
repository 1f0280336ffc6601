#include "studies/scaling_times.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/scalar.hpp"
#include "core/timing.hpp"
#include "machine/peak.hpp"
#include "model/layer_runner.hpp"
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

}  // namespace ridgeline::studies
