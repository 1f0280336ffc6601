#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/json.hpp"
#include "studies/layer_families.hpp"

namespace ridgeline::studies {

/// Bounds of `study scaling`.
struct ScalingBounds {
  std::vector<int> threads;        ///< empty: powers of two up to all
  std::vector<std::string> kinds;  ///< of layers; empty: all
  std::vector<DeckCase> decks;
  int turns = 0;  ///< 0: 5 (quick 3), within the time limit
};

/// One curve: a layer, a deck, or a layer of a deck, in one phase and one scaling.
struct ScalingCase {
  std::string subject, layer, phase;
  std::string scaling;  ///< "strong" or "weak"
  bool operator<(const ScalingCase& other) const;
};

/// The time of one case.
struct ScalingTime {
  ScalingCase of;
  std::size_t batch = 0;
  double seconds = 0;
};

/// Returns `{"what", "layer", "phase", "scaling", "batch", "seconds"}`, the format in which a child
/// process returns its times.
io::Json to_json(const ScalingTime& time);
ScalingTime scaling_time(const io::Json& json);

/// Measures the seconds of every layer and deck with the threads of the Runtime. `scaling` is
/// `strong`, the same batch for any number of threads, or `weak`, the same number of samples per
/// thread; with `most` threads both are the same, except for rounding. Runs in a process of its
/// own, since a host's threads are started once.
std::vector<ScalingTime> measure_scaling(const ScalingBounds& bounds, int most, bool quick);

/// Returns the batch at which a deck's strong scaling is measured up to `most` threads: the deck's
/// own. If quick, it is halved until a step has 1 GFLOP (about 25 ms on a core), but stays at least
/// four samples per thread.
std::size_t scaling_batch(const DeckCase& deck, int most, bool quick);

}  // namespace ridgeline::studies
