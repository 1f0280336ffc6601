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

/// One value per finished epoch.
struct History {
  std::vector<double> train_loss, test_loss, test_accuracy, seconds;
};

/// The position of a training run.
struct TrainingState {
  std::int64_t epoch = 0;   ///< finished epochs
  std::int64_t step = 0;    ///< finished steps, over all epochs
  std::int64_t sample = 0;  ///< position in the current epoch
  LossSums sums;            ///< of the current epoch
  double seconds = 0;       ///< of the current epoch
  SkippedSteps skipped;
  History history;
  /// With train.early_stop the finished epoch with the best metric so far, if its parameters
  /// are known: Checkpoint::best.
  std::optional<std::int64_t> best_epoch;

  /// Returns whether the run is at the end of best_epoch.
  bool is_at_best() const { return best_epoch == epoch && sample == 0; }
};

/// The content of a checkpoint file; buffers have the layout of NetworkPlan::parameters.
template <class T>
struct Checkpoint {
  std::string deck;  ///< its text, with overrides
  std::uint64_t seed = 1;
  TrainingState state;
  std::vector<T> parameters;  ///< the current ones
  /// The optimizer's state, in the order of kernels::state_names; each has the layout of the
  /// trained parameters.
  std::vector<std::vector<T>> optimizer_state;
  std::vector<std::string> vocabulary;    ///< a text network's characters; otherwise empty
  std::optional<data::Fingerprint> data;  ///< of the training data; version 1 has none
  /// The parameters after state.best_epoch; null if there is no such epoch. They are stored as
  /// `/model`, and `parameters` then as `/last`, unless both are the same.
  std::shared_ptr<const std::vector<T>> best;
};

/// The position of a value that is not finite, in a parameter or its optimizer state.
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

/// A checkpoint, or a file with a network alone, open for reading. All functions throw RequestError
/// with file and object if it is missing, not HDF5, truncated, of another format or version, of
/// another network, not finite, or in a state that no run can have. The content of a file of
/// version 2 or 3 is compared with its digest when it is opened.
class CheckpointFile {
 public:
  explicit CheckpointFile(const std::string& path);

  const std::string& path() const { return file_.file(); }

  /// Throws unless it is a complete checkpoint, and not a network alone.
  void require_whole() const;

  /// Returns the deck's text.
  std::string deck_text() const;
  /// Returns the run's position; throws for a state that no run can have.
  TrainingState state() const;
  /// Returns the characters of a text network in the order of their tokens; empty if the file has
  /// none.
  std::vector<std::string> vocabulary() const;
  /// Returns the fingerprint of the training data; version 1 has none.
  std::optional<data::Fingerprint> data() const;
  /// Throws unless `/model` has this network's parameters, in their shapes; reads no values.
  void require_shapes(const NetworkPlan& plan) const;
  /// Returns the parameters in `/model`, which must be of this network, as --init and infer need
  /// them; after a run with train.early_stop those of the best epoch.
  template <class T>
  std::vector<T> parameters(const NetworkPlan& plan) const;
  /// Returns the whole checkpoint.
  template <class T>
  Checkpoint<T> load(const NetworkPlan& plan) const;

 private:
  io::Hdf5Reader file_;
  std::int64_t version_ = 0;  ///< 0: a network alone
};

/// Returns why a run cannot resume from a checkpoint; nullopt if it can.
using Refusal = std::function<std::optional<std::string>(const CheckpointFile&)>;

/// Returns whether a file that cannot be read as a checkpoint may be a damaged one: it is not HDF5,
/// or damaged HDF5, or its format attribute is that of a checkpoint of a version that this build
/// reads.
bool may_be_damaged_checkpoint(const std::string& file);

/// Returns the step of a checkpoint without comparing its content with its digest; nullopt for a
/// file that is not a checkpoint. Throws RequestError for one that is damaged otherwise.
std::optional<std::int64_t> checkpoint_step(const std::string& file);

}  // namespace ridgeline::network
