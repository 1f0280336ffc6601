#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
  History history;
};

/// What a checkpoint file keeps; buffers are laid out as NetworkPlan::parameters says.
template <class T>
struct Checkpoint {
  std::string deck;  ///< its text, as it ran
  std::uint64_t seed = 1;
  TrainingState state;
  std::vector<T> parameters;
  /// The optimizer's, as kernels::state_names has it; each laid out as the trained parameters are.
  std::vector<std::vector<T>> optimizer_state;
  std::vector<std::string> vocabulary;  ///< a text network's characters; else empty
};

/// Writes the file atomically; see io::write_file_atomically. Throws RunError, also for parameters
/// that are not finite, which no checkpoint may hold.
template <class T>
void save_checkpoint(const std::string& path, const NetworkPlan& plan,
                     const Checkpoint<T>& checkpoint);

/// Reads a checkpoint of this very network. Throws RequestError naming file and object for a file
/// that is missing, no HDF5, truncated, of another format or version, of another network, or not
/// finite.
template <class T>
Checkpoint<T> load_checkpoint(const std::string& path, const NetworkPlan& plan);

/// Reads `/model` alone, which is all that --init and infer need; errors as load_checkpoint.
template <class T>
std::vector<T> load_parameters(const std::string& path, const NetworkPlan& plan);

/// The characters of a text network in the order of their tokens; empty where the file has none.
std::vector<std::string> load_vocabulary(const std::string& path);

/// The deck's text in a checkpoint; errors as load_checkpoint.
std::string load_deck_text(const std::string& path);

}  // namespace ridgeline::network
