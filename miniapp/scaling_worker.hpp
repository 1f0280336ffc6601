#pragma once

#include <vector>

#include "deck_choice.hpp"
#include "studies/scaling.hpp"
#include "subprocess.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {

/// What `study scaling` measures, here or in processes of their own.
struct ScalingRequest {
  studies::ScalingBounds bounds;
  DeckChoice decks;
  bool quick = false;
};

/// Returns the times that a worker with `threads` threads printed. Throws RunError with the
/// worker's error if its status is not 0, or with the end of what it wrote to standard error if a
/// signal or a lack of memory ended it without an answer.
std::vector<studies::ScalingTime> times_of_worker(const ProcessOutput& worker, int threads);

/// Measures in a new process with this number of threads. Returns nothing if a stop was requested.
/// Throws RunError with the error of that process.
std::vector<studies::ScalingTime> measure_in_worker(int threads, const ScalingRequest& request,
                                                    const CommonOptions& common);

/// Runs that process: prints the times, or the error, as JSON. `most` is the maximum number of
/// threads of the study.
Status run_scaling_worker(int most, ScalingRequest request, const CommonOptions& common);

}  // namespace ridgeline::miniapp
