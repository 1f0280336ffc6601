#pragma once

#include <functional>
#include <string>
#include <vector>

#include "studies/layer_families.hpp"
#include "studies/study.hpp"

namespace ridgeline::studies {

/// What `study scaling` measures.
struct ScalingBounds {
  std::vector<int> threads;        ///< empty: powers of two up to all
  std::vector<std::string> kinds;  ///< of layers; empty: all
  std::vector<DeckCase> decks;
  int turns = 0;  ///< through all numbers of threads; 0: 5 (quick 3), as far as there is time
};

/// One curve: a layer, a deck, or a layer of a deck, in one phase and one scaling.
struct ScalingCase {
  std::string what, layer, phase;
  std::string scaling;  ///< "strong" or "weak"
  bool operator<(const ScalingCase& other) const;
};

/// What one of them took.
struct ScalingTime {
  ScalingCase of;
  std::size_t batch = 0;
  double seconds = 0;
};

/// Returns `{"what", "layer", "phase", "scaling", "batch", "seconds"}`, in which a process hands
/// its times to the one that started it.
io::Json to_json(const ScalingTime& time);
ScalingTime scaling_time(const io::Json& json);

/// Measures the seconds of every layer and deck with the threads that the Runtime has. `scaling` is
/// `strong`, the same batch whatever the threads, or `weak`, as many samples per thread: with
/// `most` threads both are the same, except what does not divide. Runs in a process of its own: a
/// host's threads are started once.
std::vector<ScalingTime> measure_scaling(const ScalingBounds& bounds, int most, bool quick);

/// The batch at which a deck's strong scaling is measured up to `most` threads: its own; quickly,
/// halves of it until a step has 1 GFLOP (about 25 ms of a core), four samples per thread at least.
std::size_t scaling_batch(const DeckCase& deck, int most, bool quick);

/// Measures with this number of threads: what `measure_scaling` gives there.
using MeasureWithThreads = std::function<std::vector<ScalingTime>(int threads)>;

/// "Thousands of identical neurons are embarrassingly parallel": strong and weak scaling of every
/// layer and every deck over threads; Amdahl's serial fraction and the Universal Scalability Law's
/// contention and coherence; which layer of a deck stops scaling first.
Study study_scaling(const ScalingBounds& bounds, const MeasureWithThreads& measure,
                    const Control& control);

/// Returns a clause on the speedup of a step with so many threads, and its range over the turns.
std::string tell_speedup(int threads, double speedup, const std::vector<double>& turns);

}  // namespace ridgeline::studies
