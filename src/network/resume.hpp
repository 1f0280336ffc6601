#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "data/dataset.hpp"
#include "network/checkpoint.hpp"
#include "network/plan.hpp"

namespace ridgeline::network {

/// The checkpoint that a run resumes from: the newest of a folder that is valid and matches the
/// deck.
struct ResumePoint {
  std::unique_ptr<CheckpointFile> file;
  /// One line, with the reason, for each with more steps and each that cannot be read.
  std::vector<std::string> skipped;
};

/// Examines every file of `folder`, the highest step first. A checkpoint that another run replaced
/// (io::previous_name()) is only mentioned, and one that was set aside is not. Throws RequestError
/// with all reasons if none can be used.
ResumePoint newest_checkpoint(const std::string& folder, const Refusal& refusal);

/// Returns the step of a checkpoint; nullopt for a file that is damaged or not a checkpoint.
std::optional<std::int64_t> step_or_none(const std::string& file);

/// Returns why a run of `deck` cannot resume from a checkpoint; nullopt if it can.
std::optional<std::string> refusal_of(const config::Deck& deck, const CheckpointFile& checkpoint);

/// Returns how `deck` prepares inputs differently from those that the checkpoint was trained
/// with; nullopt if there is no difference, or if the checkpoint's deck cannot be read.
std::optional<std::string> difference_in_inputs(const config::Deck& deck,
                                                const CheckpointFile& checkpoint);

/// Returns how the data of a checkpoint's run, or a text's vocabulary, differ from those of a run
/// of `deck`; nullopt if they do not, or if the checkpoint, of version 1, has no fingerprint.
std::optional<std::string> data_difference(const config::Deck& deck, const data::Dataset& dataset,
                                           const CheckpointFile& checkpoint);

/// Throws RequestError if there are numbered checkpoints of an earlier run beside `path`: a run
/// that begins anew would mix its own with them.
void require_no_numbered_checkpoints(const std::string& path);

/// Returns the numbers of the numbered checkpoints beside `path` that a resumed run continues.
/// Throws RequestError if such a name belongs to something else: another file, a checkpoint of
/// another step or one that `refusal` does not accept. Damaged checkpoints, and files that are not
/// HDF5, are left out: they are kept, under another name once the run reaches their step.
std::set<std::int64_t> numbered_checkpoints(const std::string& path, const Refusal& refusal);

/// Returns the numbers of the checkpoints beside `path` that checkpoint.keep of the deck counts:
/// those of the run that is `resumed`. Throws RequestError if there are others.
std::set<std::int64_t> kept_checkpoints(const config::Deck& deck, const data::Dataset& dataset,
                                        const std::string& path, bool resumed);

/// Returns the initial state of a run: the state of `resume`, the weights of `init`, or those
/// of the deck's seed; both may be null. Throws RequestError if `resume` is of another seed, data
/// or text, or has a state that no run of this deck can have.
template <class T>
Checkpoint<T> begin_run(const NetworkPlan& plan, const config::Deck& deck,
                        const data::Dataset& dataset, const CheckpointFile* resume,
                        const CheckpointFile* init);

}  // namespace ridgeline::network
