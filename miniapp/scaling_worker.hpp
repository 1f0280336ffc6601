#pragma once

#include <vector>

#include "deck_choice.hpp"
#include "studies/scaling.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// What `study scaling` measures, here or in processes of their own.
struct ScalingRequest {
  studies::ScalingBounds bounds;
  DeckChoice decks;
  bool quick = false;
};

/// Measures in a new process with this number of threads. Returns nothing if a stop was requested.
/// Throws RunError with the error of that process.
std::vector<studies::ScalingTime> measure_in_worker(int threads, const ScalingRequest& request,
                                                    const CommonOptions& common);

/// Runs that process: prints the times, or the error, as JSON. `most` is the maximum number of
/// threads of the study.
Status run_scaling_worker(int most, ScalingRequest request, const CommonOptions& common);

}  // namespace ridgeline::miniapp
