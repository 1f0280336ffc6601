#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "network/checkpoint.hpp"
#include "network/plan.hpp"

namespace ridgeline::network {

/// Where a run goes on: the newest checkpoint of a folder that is whole and fits.
struct ResumePoint {
  std::unique_ptr<CheckpointFile> file;
  std::vector<std::string> skipped;  ///< newer ones, each with the reason, one line each
};

/// Looks at every HDF5 file of `folder`, the highest step first. `refusal` says why a checkpoint
/// does not fit the run, and nothing if it does. Throws RequestError with all reasons if none is
/// left.
ResumePoint newest_checkpoint(
    const std::string& folder,
    const std::function<std::optional<std::string>(const CheckpointFile&)>& refusal);

/// Returns where a run begins: at the state of `resume`, with the weights of `init`, or with those
/// of the deck's seed; both may be null. Throws RequestError if `resume` is of another seed, data
/// or text, or stands where no run of this deck does.
template <class T>
Checkpoint<T> begin_run(const NetworkPlan& plan, const config::Deck& deck,
                        const data::Dataset& dataset, const CheckpointFile* resume,
                        const CheckpointFile* init);

}  // namespace ridgeline::network
