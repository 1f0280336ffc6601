#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/fingerprint.hpp"
#include "io/hdf5.hpp"
#include "network/network.hpp"
#include "network/plan.hpp"

namespace ridgeline::network {

/// One number a finished epoch.
struct History {
  std::vector<double> train_loss, test_loss, test_accuracy, seconds;
};

/// Where a training run stands.
struct TrainingState {
  std::int64_t epoch = 0;   ///< finished epochs
  std::int64_t step = 0;    ///< finished steps, over all epochs
  std::int64_t sample = 0;  ///< cursor in the epoch under way
  LossSums sums;            ///< of the epoch under way
  double seconds = 0;       ///< of the epoch under way
  SkippedSteps skipped;
  History history;
  /// With train.early_stop the finished epoch whose metric is the best so far, if its parameters
  /// are there: Checkpoint::best.
  std::optional<std::int64_t> best_epoch;

  /// Whether the run stands at the end of best_epoch.
  bool is_at_best() const { return best_epoch == epoch && sample == 0; }
};

/// What a checkpoint file keeps; buffers are laid out as NetworkPlan::parameters says.
template <class T>
struct Checkpoint {
  std::string deck;  ///< its text, as it ran
  std::uint64_t seed = 1;
  TrainingState state;
  std::vector<T> parameters;  ///< where the run stands
  /// The optimizer's, as kernels::state_names has it; each laid out as the trained parameters are.
  std::vector<std::vector<T>> optimizer_state;
  std::vector<std::string> vocabulary;    ///< a text network's characters; else empty
  std::optional<data::Fingerprint> data;  ///< of what it was trained on; version 1 has none
  /// The parameters after state.best_epoch; null if there is no such epoch. They are what `/model`
  /// holds, and `parameters` are then `/last`, unless both are the same.
  std::shared_ptr<const std::vector<T>> best;
};

/// Where a network's parameters, or an optimizer's state of one, are not finite.
struct NonFiniteParameter {
  std::string layer, name;
  std::size_t position;
};

/// Returns the first of a checkpoint's parameters, the best ones too, and optimizer state that is
/// not finite.
template <class T>
std::optional<NonFiniteParameter> nonfinite_parameter(const NetworkPlan& plan,
                                                      const Checkpoint<T>& checkpoint);

/// Writes the file atomically, in format version 3 if it has `/last` and 2 otherwise; see
/// io::write_file_atomically. Throws RunError, also for parameters that are not finite, which no
/// checkpoint may hold.
template <class T>
void save_checkpoint(const std::string& path, const NetworkPlan& plan,
                     const Checkpoint<T>& checkpoint, io::Replaced replaced = io::Replaced::lost);

/// A checkpoint, or a file with a network alone, open for reading. Everything throws RequestError
/// naming file and object: missing, no HDF5, truncated, of another format or version, of another
/// network, not finite, and states that no run has. In a file of version 2 or 3 all of its content
/// was compared with its digest when it was opened.
class CheckpointFile {
 public:
  explicit CheckpointFile(const std::string& path);

  const std::string& path() const { return file_.file(); }

  /// Throws unless it is a whole checkpoint, and not a network alone.
  void require_whole() const;

  /// The deck's text.
  std::string deck_text() const;
  /// Where the run stands; throws for a state that no run has.
  TrainingState state() const;
  /// The characters of a text network in the order of their tokens; empty where the file has none.
  std::vector<std::string> vocabulary() const;
  /// Of what it was trained on; version 1 has none.
  std::optional<data::Fingerprint> data() const;
  /// Throws unless `/model` has this network's parameters, in their shapes; reads no values.
  void require_shapes(const NetworkPlan& plan) const;
  /// `/model`, which must be of this very network, and which is all that --init and infer need; of
  /// a run with train.early_stop those of the best epoch.
  template <class T>
  std::vector<T> parameters(const NetworkPlan& plan) const;
  /// All of it.
  template <class T>
  Checkpoint<T> load(const NetworkPlan& plan) const;

 private:
  io::Hdf5Reader file_;
  std::int64_t version_ = 0;  ///< 0: a network alone
};

/// Returns why a run cannot go on from a checkpoint; nullopt if it can.
using Refusal = std::function<std::optional<std::string>(const CheckpointFile&)>;

/// Whether a file that cannot be read as a checkpoint may be one that was damaged: it is not HDF5,
/// or damaged HDF5, or it says that it is a checkpoint of a version that this build reads.
bool may_be_damaged_checkpoint(const std::string& file);

/// Returns the step of a checkpoint without comparing its content with its digest; nullopt for a
/// file that is none. Throws RequestError for one that is damaged beyond that.
std::optional<std::int64_t> checkpoint_step(const std::string& file);

}  // namespace ridgeline::network
