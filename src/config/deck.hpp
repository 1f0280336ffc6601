#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/option_table.hpp"
#include "core/shape.hpp"

namespace ridgeline::config {

enum class DataKind { idx, hdf5, text, synthetic };
enum class Precision { float32, float64 };
enum class Gemm { native, kokkos_kernels };
enum class Initialization { standard, kaiming_normal, xavier_uniform };
enum class Loss { cross_entropy, mse, binary_cross_entropy };
enum class OptimizerKind { sgd, adam, adamw, rmsprop };
enum class ScheduleKind { constant, step, cosine };
enum class OnNonfinite { stop, skip };
enum class Metric { test_accuracy, test_loss, train_loss };

/// The deck's spelling of each.
const char* to_string(DataKind kind);
const char* to_string(Precision precision);
const char* to_string(Gemm gemm);
const char* to_string(Initialization initialization);
const char* to_string(Loss loss);
const char* to_string(OptimizerKind kind);
const char* to_string(ScheduleKind kind);
const char* to_string(Metric metric);

/// Inputs become (value - mean) / standard_deviation.
struct Normalization {
  double mean = 0.0;
  double standard_deviation = 1.0;
};

/// data.augment: training images are mirrored at random and shifted by up to `crop` pixels.
struct Augmentation {
  bool flip = false;
  std::int64_t crop = 0;

  bool any() const { return flip || crop > 0; }
};

/// [data]
struct DataOptions {
  DataKind kind = DataKind::synthetic;
  std::string path;                ///< idx, hdf5: resolved against the deck's folder
  std::vector<std::string> paths;  ///< text: the same, at least one
  std::int64_t length = 0;         ///< text: characters of a sample
  double validation = 0.0;         ///< text: the share of each file that is the test set
  bool shuffle = true;
  bool target_is_input = false;              ///< target = "input": an autoencoder
  Precision precision = Precision::float32;  ///< of the network, which values must fit
  bool targets_are_probabilities = false;    ///< loss = "binary_cross_entropy": all in [0, 1]
  std::optional<Normalization> normalize;
  Augmentation augment;
  Shape shape;               ///< synthetic: of one sample
  std::int64_t classes = 0;  ///< synthetic
  std::int64_t samples = 0;  ///< synthetic: of the training set
  std::uint64_t seed = 1;    ///< synthetic
  OptionTable table;         ///< for errors that name the deck's line
};

/// [network]; the layers read their own tables.
struct NetworkOptions {
  Precision precision = Precision::float32;
  Gemm gemm = Gemm::native;
  Initialization initialization = Initialization::standard;
  std::vector<OptionTable> layers;  ///< at least one
  OptionTable table;
};

/// train.optimizer
struct Optimizer {
  OptimizerKind kind = OptimizerKind::sgd;
  double learning_rate = 0.0;
  double momentum = 0.0;      ///< sgd, rmsprop
  bool nesterov = false;      ///< sgd
  double weight_decay = 0.0;  ///< adamw: decoupled from the gradient; else added to it
  double beta1 = 0.9;         ///< adam, adamw: of the mean of gradients
  double beta2 = 0.999;       ///< adam, adamw: of the mean of their squares
  double alpha = 0.99;        ///< rmsprop: the same
  double epsilon = 1e-8;      ///< adam, adamw, rmsprop: added to the root of that mean
};

/// train.schedule: constant and cosine by step, over the whole run; step by epoch.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::constant;
  std::int64_t every = 1;   ///< step: epochs from one multiplication by `factor` to the next
  double factor = 1.0;      ///< step
  double final_rate = 0.0;  ///< cosine: `final`, the learning rate at the end
  std::int64_t warmup_steps = 0;
};

/// train.early_stop: training ends when `metric` has not improved for `patience` epochs.
struct EarlyStop {
  Metric metric = Metric::test_loss;
  std::int64_t patience = 1;
};

/// [train]
struct TrainOptions {
  std::int64_t epochs = 0;
  std::int64_t batch = 0;
  Loss loss = Loss::cross_entropy;
  double label_smoothing = 0.0;  ///< cross_entropy
  std::uint64_t seed = 1;
  std::uint64_t shuffle_seed = 1;                ///< the seed unless given
  std::optional<std::int64_t> stop_after_steps;  ///< of this run, resumed or not
  OnNonfinite on_nonfinite = OnNonfinite::stop;  ///< loss or gradients that are not finite
  Optimizer optimizer;
  ScheduleOptions schedule;
  std::optional<double> clip_norm;  ///< the largest norm of all gradients together
  std::optional<EarlyStop> early_stop;
  OptionTable table;
};

/// [checkpoint]; a frequency of 0 is off. The end of a run writes one whatever these say.
struct CheckpointOptions {
  std::string path;  ///< as in the deck: relative to --output
  std::int64_t every_epochs = 1;
  std::int64_t every_steps = 0;
  std::optional<std::int64_t> keep;  ///< how many are kept, each numbered by its step; else one
  OptionTable table;                 ///< without keys where the deck has no [checkpoint]
};

/// [run]: what belongs to one run, and not to what is trained.
struct RunOptions {
  std::optional<double> stop_after;  ///< seconds from the start of the process to a checkpoint
};

/// [verify]: one of the bounds is set.
struct VerifyOptions {
  OptionTable table;  ///< for messages with a place
  Metric metric = Metric::test_accuracy;
  std::optional<double> at_least;
  std::optional<double> at_most;
};

/// What an input deck asks for, checked, but for the layers' own keys.
class Deck {
 public:
  /// Reads a deck and puts the values of --set ("train.epochs=2") and --seed over it. Throws
  /// RequestError "FILE:LINE: …".
  static Deck load(const std::string& path, const std::vector<std::string>& sets = {},
                   std::optional<std::uint64_t> seed = {});

  /// The same from a deck's text. `name` stands for it in messages and, without folder and ending,
  /// names the checkpoint; a relative data path is relative to `folder`, empty for the current one.
  static Deck parse(const std::string& text, const std::string& name,
                    const std::string& folder = {}, const std::vector<std::string>& sets = {},
                    std::optional<std::uint64_t> seed = {});

  std::string name;   ///< file name as it was given
  std::string title;  ///< the deck's stem where it has none
  DataOptions data;
  NetworkOptions network;
  TrainOptions train;
  CheckpointOptions checkpoint;
  RunOptions run;
  std::optional<VerifyOptions> verify;
  /// Whether --set or --seed gave [data], [network] or [train] other values than the file has.
  bool trains_otherwise = false;

  /// The deck as it ran, as TOML: the original text where nothing was overridden.
  const std::string& text() const { return text_; }

  /// Why a run of `checkpoint_deck` cannot be resumed with this deck, "FILE:LINE: train.batch is
  /// 64, but 128 in …"; nothing where only `epochs`, `stop_after_steps`, `on_nonfinite`, paths, the
  /// title, [checkpoint], [run] and [verify] differ.
  std::optional<std::string> difference_that_forbids_resume(const Deck& checkpoint_deck) const;
  /// Returns where this deck prepares a network's inputs otherwise than the checkpoint's did, in
  /// the same words; nullopt if it does not.
  std::optional<std::string> difference_in_inputs(const Deck& checkpoint_deck) const;

 private:
  std::string text_;
};

}  // namespace ridgeline::config
