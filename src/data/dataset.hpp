#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/deck.hpp"
#include "core/shape.hpp"
#include "data/vocabulary.hpp"

namespace ridgeline::data {

/// The training or test samples of a dataset, in their source type, row-major, sample by sample.
/// Tokens have the smallest sufficient integer type.
struct Split {
  std::size_t samples = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<std::uint32_t>,
               std::vector<float>, std::vector<double>>
      inputs;
  std::vector<std::int32_t> labels;  ///< [samples, label_shape], or empty
  std::variant<std::vector<float>, std::vector<double>> targets;  ///< [samples, target], or empty
  /// Text only: the offset of each sample in `inputs`, which are the characters of all files; the
  /// labels of a sample are its characters shifted by one.
  std::vector<std::size_t> windows;
  std::string inputs_source;   ///< "FILE" or "FILE: /train/inputs", for messages
  std::string targets_source;  ///< source of labels or targets
};

/// Augmentation of images in gather(); deterministic for each sample and epoch.
struct Augment {
  config::Augmentation options;
  std::uint64_t seed = 1;
  std::uint64_t epoch = 0;
};

/// Training and test samples in host memory, with their conversion to a network's inputs.
class Dataset {
 public:
  Dataset();

  Shape sample_shape;
  Shape target_shape;            ///< of value targets; empty if targets are labels
  Shape label_shape;             ///< of a sample's labels: [] for one, [length] for one per token
  std::size_t classes = 0;       ///< labels are 0 to classes - 1; 0 if targets are values
  std::size_t tokens = 0;        ///< inputs are tokens 0 to tokens - 1; 0 if they are values
  bool target_is_input = false;  ///< targets are the normalised inputs
  Vocabulary vocabulary;         ///< of a text; empty for other data
  Split train;
  Split test;  ///< may have no samples

  bool has_labels() const { return classes > 0; }
  std::size_t labels_per_sample() const { return has_labels() ? size_of(label_shape) : 0; }
  std::size_t sample_size() const { return size_of(sample_shape); }
  /// Returns the scalars per value target; 0 if targets are labels.
  std::size_t target_size() const { return target_shape.empty() ? 0 : size_of(target_shape); }
  /// Returns the bytes of both splits in host memory.
  std::size_t memory_bytes() const;

  /// Normalises inputs to (input - mean) / standard deviation; bytes x are first scaled to x / 255.
  /// Tokens are not changed.
  void normalize(const std::optional<config::Normalization>& normalization);

  /// Collects `count` samples of `split` in the order of `indices`: `inputs` [count, sample_shape];
  /// `labels` [count, label_shape], only if there are labels; `targets` [count, target_shape], only
  /// if targets are values and the pointer is neither null nor `inputs`. Bytes are converted by a
  /// table of correctly rounded values; tokens are cast to scalars. With `augment`, samples are
  /// images [channels, height, width]. Throws std::out_of_range for an index beyond the split.
  template <class T>
  void gather(const Split& split, const std::uint32_t* indices, std::size_t count, T* inputs,
              std::int32_t* labels, T* targets, const Augment* augment = nullptr) const;

  /// Throws RequestError naming the first token that is not below `vocabulary`.
  void require_tokens_below(std::size_t vocabulary) const;

  /// Throws RequestError naming dataset, sample and position of the first value, input or target,
  /// that is not finite, or not finite in this precision after normalisation.
  void require_representable(config::Precision precision) const;

  /// Throws RequestError naming the first target that is not in [0, 1].
  void require_probabilities() const;

 private:
  template <class T>
  const std::array<T, 256>& byte_table() const;
  template <class T>
  void gather_targets(const Split& split, const std::uint32_t* indices, std::size_t count,
                      const T* inputs, std::int32_t* labels, T* targets) const;

  config::Normalization normalization_;
  bool is_normalized_ = false;
  std::array<float, 256> float_table_{};
  std::array<double, 256> double_table_{};
};

/// Returns "WHAT 3 of sample 7" for value `at` of samples of `size` values each, "the WHAT of
/// sample 7" if a sample has one.
std::string place_in(std::size_t at, std::size_t size, const std::string& what);

/// Returns the smallest label of both; 0 if there are none.
std::size_t smallest_label(const std::vector<std::int32_t>& train,
                           const std::vector<std::int32_t>& test);

/// Returns one more than the largest label of both.
std::size_t count_classes(const std::vector<std::int32_t>& train,
                          const std::vector<std::int32_t>& test);

}  // namespace ridgeline::data
