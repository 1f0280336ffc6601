#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
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

/// Return the spelling in the deck.
const char* to_string(DataKind kind);
const char* to_string(Precision precision);
/// Returns the size of a scalar; core/scalar.hpp makes a type of it.
std::size_t scalar_bytes(Precision precision);
const char* to_string(Gemm gemm);
const char* to_string(Initialization initialization);
const char* to_string(Loss loss);
const char* to_string(OptimizerKind kind);
const char* to_string(ScheduleKind kind);
const char* to_string(Metric metric);

/// Normalises inputs to (value - mean) / standard_deviation.
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
  std::vector<std::string> paths;  ///< text: as `path`, at least one
  std::int64_t length = 0;         ///< text: characters per sample
  double validation = 0.0;         ///< text: fraction of each file in the test set
  bool shuffle = true;
  bool target_is_input = false;              ///< target = "input": an autoencoder
  Precision precision = Precision::float32;  ///< of the network; values must be representable in it
  bool targets_are_probabilities = false;    ///< loss = "binary_cross_entropy": all in [0, 1]
  std::optional<Normalization> normalize;
  Augmentation augment;
  Shape shape;               ///< synthetic: of one sample
  std::int64_t classes = 0;  ///< synthetic
  std::int64_t samples = 0;  ///< synthetic: of the training set
  std::uint64_t seed = 1;    ///< synthetic
  OptionTable table;         ///< for the line numbers of errors
};

/// [network]; each layer reads its own table.
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
  double weight_decay = 0.0;  ///< adamw: decoupled from the gradient; otherwise added to it
  double beta1 = 0.9;         ///< adam, adamw: decay of the mean gradient
  double beta2 = 0.999;       ///< adam, adamw: decay of the mean squared gradient
  double alpha = 0.99;        ///< rmsprop: decay of the mean squared gradient
  double epsilon = 1e-8;      ///< adam, adamw, rmsprop: added to the root of that mean
};

/// train.schedule: constant and cosine change per step, over the whole run; step changes per epoch.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::constant;
  std::int64_t every = 1;   ///< step: epochs between multiplications by `factor`
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
  std::uint64_t shuffle_seed = 1;                ///< `seed` unless given
  std::optional<std::int64_t> stop_after_steps;  ///< steps of this run, resumed or not
  OnNonfinite on_nonfinite = OnNonfinite::stop;  ///< if the loss or a gradient is not finite
  Optimizer optimizer;
  ScheduleOptions schedule;
  std::optional<double> clip_norm;  ///< maximum norm of all gradients together
  std::optional<EarlyStop> early_stop;
  OptionTable table;
};

/// [checkpoint]; an interval of 0 disables it. A checkpoint is always written at the end of a run.
struct CheckpointOptions {
  std::string path;  ///< as in the deck: relative to --output
  std::int64_t every_epochs = 1;
  std::int64_t every_steps = 0;
  std::optional<std::int64_t> keep;  ///< number of checkpoints kept, numbered by step; else one
  OptionTable table;                 ///< without keys if the deck has no [checkpoint]
};

/// [run]: options of one run that do not affect the training.
struct RunOptions {
  std::optional<double> stop_after;  ///< seconds from process start to a final checkpoint
};

/// [verify]: exactly one of the bounds is set.
struct VerifyOptions {
  OptionTable table;  ///< for the line numbers of errors
  Metric metric = Metric::test_accuracy;
  std::optional<double> at_least;
  std::optional<double> at_most;
};

/// A validated input deck, except the keys of the layers.
class Deck {
 public:
  /// Reads a deck and applies the overrides of --set ("train.epochs=2") and --seed. Throws
  /// RequestError "FILE:LINE: …".
  static Deck load(const std::string& path, const std::vector<std::string>& sets = {},
                   std::optional<std::uint64_t> seed = {});

  /// Parses the text of a deck; otherwise as load(). `name` is used in messages and, without folder
  /// and extension, names the checkpoint; a relative data path is relative to `folder`, empty for
  /// the current one.
  static Deck parse(const std::string& text, const std::string& name,
                    const std::string& folder = {}, const std::vector<std::string>& sets = {},
                    std::optional<std::uint64_t> seed = {});

  std::string name;   ///< file name as given
  std::string title;  ///< the deck's stem if it has no title
  DataOptions data;
  NetworkOptions network;
  TrainOptions train;
  CheckpointOptions checkpoint;
  RunOptions run;
  std::optional<VerifyOptions> verify;
  /// Whether --set or --seed changed values of [data], [network] or [train].
  bool trains_otherwise = false;

  /// Returns the deck with overrides, as TOML: the original text if there were none.
  const std::string& text() const { return text_; }

  /// Returns the values that a resumed run must share with the checkpoint's deck, by dotted path.
  /// Paths of layers contain indices.
  std::map<std::string, std::string> values_fixed_on_resume() const;
  /// Returns the reason why a run of `checkpoint_deck` cannot be resumed with this deck,
  /// "FILE:LINE: train.batch is 64, but 128 in …"; nullopt if only `epochs`, `stop_after_steps`,
  /// `on_nonfinite`, paths, the title, [checkpoint], [run] and [verify] differ.
  std::optional<std::string> difference_that_forbids_resume(const Deck& checkpoint_deck) const;
  /// Returns the difference in the preprocessing of inputs from the checkpoint's deck, in the same
  /// format; nullopt if there is none.
  std::optional<std::string> difference_in_inputs(const Deck& checkpoint_deck) const;

 private:
  std::string text_;
};

}  // namespace ridgeline::config
