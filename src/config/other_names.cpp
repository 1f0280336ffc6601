#include "config/other_names.hpp"

#include <algorithm>
#include <cctype>

#include "core/text.hpp"

namespace ridgeline::config {
namespace {

/// Returns the word in small letters without dashes and underscores.
std::string plain(const std::string& word) {
  std::string letters;
  for (const char c : word) {
    if (c != '_' && c != '-') {
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return letters;
}

bool is_name_of(const std::string& name, const std::string& word) {
  const std::string letters = plain(word);
  if (plain(name) == letters) return true;
  return std::any_of(other_names().begin(), other_names().end(), [&](const auto& entry) {
    return entry.first == name &&
           std::any_of(entry.second.begin(), entry.second.end(),
                       [&](const std::string& other) { return plain(other) == letters; });
  });
}

}  // namespace

const std::vector<std::pair<std::string, std::vector<std::string>>>& other_names() {
  // clang-format off
  static const std::vector<std::pair<std::string, std::vector<std::string>>> names = {
      // Keys.
      {"activation", {"act", "nonlinearity"}},
      {"alpha", {"rho", "smoothing_constant"}},
      {"augment", {"augmentation", "transform"}},
      {"batch", {"batch_size", "bs", "minibatch_size"}},
      {"beta1", {"betas"}},
      {"bias", {"use_bias"}},
      {"channels", {"out_channels", "filters"}},
      {"classes", {"num_classes", "n_classes"}},
      {"clip_norm", {"max_norm", "max_grad_norm", "grad_clip", "gradient_clip_val"}},
      {"data", {"dataset"}},
      {"dilation", {"dilation_rate"}},
      {"early_stop", {"early_stopping"}},
      {"epochs", {"num_epochs", "n_epochs", "max_epochs", "nb_epoch"}},
      {"epsilon", {"eps"}},
      {"every", {"step_size"}},
      {"factor", {"gamma"}},
      {"features", {"embedding_dim", "output_dim", "embed_dim", "d_model"}},
      {"final", {"eta_min", "min_lr"}},
      {"function", {"activation"}},
      {"heads", {"num_heads", "n_heads", "nhead", "n_head"}},
      {"initialization", {"init", "kernel_initializer"}},
      {"kernel", {"kernel_size", "pool_size"}},
      {"kind", {"type", "class", "class_name"}},
      {"learning_rate", {"lr", "eta"}},
      {"length", {"sequence_length", "seq_len", "block_size"}},
      {"loss", {"criterion", "loss_fn", "loss_function", "objective"}},
      {"network", {"model"}},
      {"optimizer", {"optim", "solver"}},
      {"path", {"file", "filename", "root"}},
      {"patience", {"n_iter_no_change"}},
      {"precision", {"dtype"}},
      {"rate", {"p", "prob", "probability", "dropout", "dropout_rate"}},
      {"samples", {"num_samples", "n_samples"}},
      {"schedule", {"scheduler", "lr_scheduler", "lr_schedule"}},
      {"seed", {"random_seed", "random_state", "manual_seed"}},
      {"shape", {"input_shape", "input_size"}},
      {"std", {"stddev", "standard_deviation"}},
      {"train", {"training", "trainer"}},
      {"units", {"out_features", "hidden_size", "output_dim", "neurons", "features"}},
      {"validation", {"validation_split", "val_split"}},
      {"vocabulary", {"num_embeddings", "input_dim", "vocab_size", "vocab"}},
      {"warmup_steps", {"warmup", "num_warmup_steps"}},
      {"weight_decay", {"wd", "l2"}},
      // Values.
      {"attention", {"multihead_attention", "self_attention"}},
      {"avg_pool2d", {"average_pooling2d"}},
      {"batch_norm", {"bn", "batch_norm1d", "batch_norm2d", "batch_normalization"}},
      {"binary_cross_entropy", {"bce", "bce_loss", "bce_with_logits_loss", "binary_crossentropy"}},
      {"conv2d", {"conv", "convolution", "convolution2d"}},
      {"cosine", {"cosine_annealing", "cosine_annealing_lr"}},
      {"cross_entropy", {"cross_entropy_loss", "categorical_crossentropy", "sparse_categorical_crossentropy"}},
      {"dense", {"linear", "fc", "fully_connected"}},
      {"float32", {"float", "fp32", "single"}},
      {"float64", {"double", "fp64"}},
      {"global_avg_pool", {"adaptive_avg_pool2d", "global_average_pooling2d"}},
      {"hdf5", {"h5"}},
      {"identity", {"linear", "none"}},
      {"layer_norm", {"ln", "layer_normalization"}},
      {"max_pool2d", {"max_pooling2d"}},
      {"mse", {"mse_loss", "mean_squared_error"}},
      {"position_embedding", {"positional_encoding", "positional_embedding"}},
      {"silu", {"swish"}},
      {"step", {"step_lr"}},
      {"test_accuracy", {"val_accuracy", "val_acc", "accuracy"}},
      {"test_loss", {"val_loss"}},
  };
  // clang-format on
  return names;
}

std::string called_elsewhere(const std::string& word, const std::vector<std::string>& known) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const std::string& name) { return is_name_of(name, word); });
  return found == known.end() ? std::string() : *found;
}

std::string named_otherwise(const std::string& name, const std::vector<std::string>& given) {
  const auto found = std::find_if(given.begin(), given.end(),
                                  [&](const std::string& word) { return is_name_of(name, word); });
  return found == given.end() ? std::string() : *found;
}

std::string meant_by(const std::string& word, const std::vector<std::string>& known) {
  const std::string elsewhere = called_elsewhere(word, known);
  return elsewhere.empty() ? nearest(word, known) : elsewhere;
}

}  // namespace ridgeline::config
