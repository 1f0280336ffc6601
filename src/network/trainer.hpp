#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/deck.hpp"
#include "core/seconds.hpp"
#include "data/dataset.hpp"
#include "network/checkpoint.hpp"
#include "network/network.hpp"

namespace ridgeline::network {

/// The results of one finished epoch.
struct EpochReport {
  std::int64_t epoch;  ///< counted from 1
  double train_loss;
  std::optional<double> test_loss, test_accuracy;
  double seconds;  ///< of training, without evaluation and checkpoint
  double samples_per_second;
};

/// Receives the progress of training; the library itself prints nothing.
class TrainingEvents {
 public:
  virtual ~TrainingEvents() = default;
  /// Called before the first step, after all inputs have been accepted; not
  /// for a run that has finished already.
  virtual void begin() {}
  virtual void epoch(const EpochReport& report) = 0;
  /// Called after every step; calling `loss` fences the space and returns the epoch's mean so
  /// far.
  virtual void progress(std::int64_t epoch, std::int64_t step, std::int64_t steps,
                        const std::function<double()>& loss) = 0;
  /// Called after every step: true ends training with a checkpoint.
  virtual bool stop_requested() = 0;
};

/// The end of a run.
enum class Outcome {
  finished,
  stopped_early,  ///< finished, by train.early_stop
  already_finished,
  stopped,  ///< because TrainingEvents::stop_requested returned true
  stopped_after_steps,
  diverged  ///< loss or gradients are not finite; no checkpoint has them
};

/// Share of a step's time that a layer, the loss or the optimizer takes, all phases together.
struct LayerShare {
  std::string layer;
  double seconds;  ///< median over the steps observed
  double share;    ///< of the sum over all layers
};

struct TrainingResult {
  Outcome outcome = Outcome::finished;
  std::string failure;  ///< of a run that diverged: step, layer, phase and the last checkpoint
  TrainingState state;
  Timing step_seconds;  ///< end to end, of the steps observed
  std::vector<LayerShare> shares;
  double samples_per_second = 0;     ///< over all training of this run
  CommunicationTimes communication;  ///< between ranks
};

/// The checkpoints that a run begins with and writes.
struct TrainingFiles {
  std::string checkpoint;                        ///< written as the deck says, and at the end
  std::shared_ptr<const CheckpointFile> resume;  ///< continue bitwise from this one, if any
  std::shared_ptr<const CheckpointFile> init;    ///< weights to begin with, if any
  /// kept_checkpoints(), which train() finds if they are not given.
  std::optional<std::set<std::int64_t>> kept = {};
  io::Replaced replaced = io::Replaced::lost;  ///< the file that the first checkpoint replaces
};

/// Trains as the deck says. On a host the results of a deck are bitwise equal for any number of
/// threads, and for any number of interruptions and resumptions. With train.early_stop checkpoints
/// hold the parameters of the best epoch as `/model`. Throws RequestError for files that do not
/// match the deck and RunError if a checkpoint cannot be written. `files` are closed before the
/// first step. `ranks` (null: this process alone) divide every batch among themselves; the first
/// one writes the checkpoints. A result does not depend on their number except for the rounding of
/// sums.
template <class Space, class T>
TrainingResult train(const Space& instance, std::shared_ptr<const NetworkPlan> plan,
                     const config::Deck& deck, const data::Dataset& dataset, TrainingFiles files,
                     TrainingEvents& events,
                     std::shared_ptr<const parallel::Ranks> ranks = nullptr);

/// Computes loss and accuracy of a split, in batches, which the ranks divide among themselves.
template <class Space, class T>
LossSums evaluate(Network<Space, T>& network, const data::Dataset& dataset,
                  const data::Split& split, std::size_t batch, const parallel::Ranks& ranks);

/// Returns the shapes that a network must have to train on this data.
SampleShape sample_shape_of(const data::Dataset& dataset);

/// Returns the first epoch, from 1, with the best value of the metric that train.early_stop
/// watches; nullopt if there is none.
std::optional<std::int64_t> best_epoch(const config::EarlyStop& early_stop, const History& history);

/// Returns whether train.early_stop ends a run with this history: its metric has not improved
/// for `patience` epochs. False for a metric that is not measured.
bool has_stalled(const config::EarlyStop& early_stop, const History& history);

/// Returns the back end of the deck's `gemm`.
kernels::GemmBackend gemm_backend(const config::Deck& deck);

}  // namespace ridgeline::network
