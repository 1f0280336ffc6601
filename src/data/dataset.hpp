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

/// The samples of one half of a dataset, stored as they came, row-major, sample by sample. Tokens
/// are the smallest integers that hold them.
struct Split {
  std::size_t samples = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<std::uint16_t>, std::vector<std::uint32_t>,
               std::vector<float>, std::vector<double>>
      inputs;
  std::vector<std::int32_t> labels;  ///< [samples, label_shape], or empty
  std::variant<std::vector<float>, std::vector<double>> targets;  ///< [samples, target], or empty
  /// Text alone: where in `inputs`, which are then characters file by file, each sample begins; the
  /// labels of a sample are the characters one place further.
  std::vector<std::size_t> windows;
  std::string inputs_source;   ///< "FILE" or "FILE: /train/inputs", for messages
  std::string targets_source;  ///< the same of labels or targets
};

/// How gather() alters images: the same sample of the same epoch always in the same way.
struct Augment {
  config::Augmentation options;
  std::uint64_t seed = 1;
  std::uint64_t epoch = 0;
};

/// Training and test samples in host memory, with what turns them into a network's inputs.
class Dataset {
 public:
  Dataset();

  Shape sample_shape;
  Shape target_shape;            ///< of value targets; empty where targets are labels
  Shape label_shape;             ///< of a sample's labels: [] for one, [length] for one a token
  std::size_t classes = 0;       ///< labels are 0 to classes - 1; 0 where targets are values
  std::size_t tokens = 0;        ///< inputs are tokens 0 to tokens - 1; 0 where they are values
  bool target_is_input = false;  ///< targets are the normalised inputs
  Vocabulary vocabulary;         ///< of a text; empty for other data
  Split train;
  Split test;  ///< without samples where there are none

  bool has_labels() const { return classes > 0; }
  std::size_t labels_per_sample() const { return has_labels() ? size_of(label_shape) : 0; }
  std::size_t sample_size() const { return size_of(sample_shape); }
  /// Scalars of a value target; 0 where targets are labels.
  std::size_t target_size() const { return target_shape.empty() ? 0 : size_of(target_shape); }
  /// Bytes that both splits take in host memory.
  std::size_t memory_bytes() const;

  /// Inputs become (input - mean) / standard deviation, bytes first x / 255. Tokens stay.
  void normalize(const std::optional<config::Normalization>& normalization);

  /// Collects `count` samples of `split` in the order of `indices`: `inputs` [count, sample_shape];
  /// `labels` [count, label_shape], only where there are labels; `targets` [count, target_shape],
  /// only where targets are values and the pointer is neither null nor `inputs`. Bytes go through a
  /// table of correctly rounded values, tokens become scalars as they are. With `augment`, samples
  /// are images [channels, height, width]. Throws std::out_of_range for an index beyond the split.
  template <class T>
  void gather(const Split& split, const std::uint32_t* indices, std::size_t count, T* inputs,
              std::int32_t* labels, T* targets, const Augment* augment = nullptr) const;

  /// Throws RequestError naming the first token that a network which knows `vocabulary` tokens
  /// does not know.
  void require_tokens_below(std::size_t vocabulary) const;

  /// Throws RequestError naming dataset, sample and position of the first value, input or target,
  /// that is not finite, or that a network of this precision cannot hold as it comes (normalised).
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

/// One more than the largest label of both.
std::size_t count_classes(const std::vector<std::int32_t>& train,
                          const std::vector<std::int32_t>& test);

}  // namespace ridgeline::data
