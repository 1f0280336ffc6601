#include "data/synthetic.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/memory.hpp"
#include "core/random.hpp"

namespace ridgeline::data {
namespace {

constexpr std::size_t kPrototypesOfClass = 2;
/// Distance between the nearest prototypes of two classes in standard deviations of the noise, if
/// each class has at least as many samples as a sample has values. Measured accuracy of 784-128-10
/// after 10 epochs of 10000 samples: 0.99 with 8, 0.87 with 6.
constexpr double kSeparation = 8.0;
/// Pairs of prototypes times size, above which the expected distance replaces the computed one.
constexpr double kMostWork = 1e8;

constexpr float kHalfVariance = 0.70710678f;

enum Purpose : std::uint64_t {
  kTrainNoise,
  kTestNoise,
  kTrainChoice,
  kTestChoice,
  kFirstParts,
  kSecondParts
};

/// Approximately normal noise of mean 0 and variance 1: the sum of four bytes. Unlike Box-Muller,
/// it is bitwise identical on every machine.
float noise(std::uint32_t word) {
  const int sum =
      static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
  constexpr float kDeviation = 147.80054f;  // square root of 4 (256^2 - 1) / 12
  return static_cast<float>(sum - 510) / kDeviation;
}

/// Fills `out` with row `row` of a noise matrix with `size` columns.
void fill_noise(std::uint64_t seed, Purpose purpose, std::size_t row, std::size_t size,
                float* out) {
  const std::size_t blocks = (size + 3) / 4;
  for (std::size_t block = 0; block < blocks; ++block) {
    const Philox random(seed, stream::kSynthetic + purpose, row * blocks + block);
    for (std::size_t k = 4 * block; k < std::min(size, 4 * block + 4); ++k) {
      out[k] = noise(random.word[k % 4]);
    }
  }
}

/// Returns two prototypes per class: class c has A(c) + B(0) and A(c - 1) + B(1) with random A and
/// B. No sum of a function of A and one of B determines the class, so a linear classifier
/// classifies half of the samples correctly, and a network with a hidden layer nearly all.
std::vector<float> make_prototypes(std::uint64_t seed, std::size_t classes, std::size_t size) {
  std::vector<float> a(size), b(kPrototypesOfClass * size);
  for (std::size_t j = 0; j < kPrototypesOfClass; ++j) {
    fill_noise(seed, kSecondParts, j, size, b.data() + j * size);
  }
  std::vector<float> prototypes(classes * kPrototypesOfClass * size);
  for (std::size_t i = 0; i < classes; ++i) {
    fill_noise(seed, kFirstParts, i, size, a.data());
    for (std::size_t j = 0; j < kPrototypesOfClass; ++j) {
      const std::size_t label = (i + j) % classes;
      float* prototype = prototypes.data() + (label * kPrototypesOfClass + j) * size;
      for (std::size_t k = 0; k < size; ++k)
        prototype[k] = (a[k] + b[j * size + k]) * kHalfVariance;
    }
  }
  return prototypes;
}

/// Returns the smallest distance between prototypes of different classes.
double nearest_distance(const std::vector<float>& prototypes, std::size_t size) {
  const std::size_t count = prototypes.size() / size;
  if (static_cast<double>(count) * static_cast<double>(prototypes.size()) > kMostWork) {
    return std::sqrt(static_cast<double>(size));  // expected distance of B(0) and B(1)
  }
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = a - a % kPrototypesOfClass + kPrototypesOfClass; b < count; ++b) {
      double sum = 0.0;
      for (std::size_t k = 0; k < size; ++k) {
        const double difference = static_cast<double>(prototypes[a * size + k]) -
                                  static_cast<double>(prototypes[b * size + k]);
        sum += difference * difference;
      }
      nearest = std::min(nearest, sum);
    }
  }
  return std::sqrt(nearest);
}

/// Returns the weight w of a prototype; the noise has weight sqrt(1 - w^2). A class with few
/// samples of many values needs more separation: the estimate of a prototype from n samples has an
/// error of variance size / n, to be compared with the fourth power of the separation.
float prototype_weight(const config::DataOptions& options, const std::vector<float>& prototypes) {
  const std::size_t size = size_of(options.shape);
  const double scarcity = static_cast<double>(size) * static_cast<double>(options.classes) /
                          static_cast<double>(options.samples);
  const double separation = kSeparation * std::sqrt(std::sqrt(std::max(1.0, scarcity)));
  const double ratio = separation / std::max(nearest_distance(prototypes, size), 1e-3);
  return static_cast<float>(ratio / std::sqrt(1.0 + ratio * ratio));
}

Split make_split(const config::DataOptions& options, const std::vector<float>& prototypes,
                 float weight, std::size_t samples, bool is_train) {
  const std::size_t size = size_of(options.shape);
  const auto classes = static_cast<std::size_t>(options.classes);
  const float noise_weight = std::sqrt(1.0f - weight * weight);
  Split split;
  split.samples = samples;
  split.inputs_source = split.targets_source = "synthetic data";
  std::vector<float> inputs(samples * size);
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t label = i % classes;
    const Philox choice(options.seed, stream::kSynthetic + (is_train ? kTrainChoice : kTestChoice),
                        i);
    const float* prototype =
        prototypes.data() + (label * kPrototypesOfClass + choice.below(kPrototypesOfClass)) * size;
    float* sample = inputs.data() + i * size;
    fill_noise(options.seed, is_train ? kTrainNoise : kTestNoise, i, size, sample);
    // Products of floats are exact in double, so a fused multiply-add does not change the result.
    for (std::size_t k = 0; k < size; ++k) {
      sample[k] = static_cast<float>(double{weight} * double{prototype[k]} +
                                     double{noise_weight} * double{sample[k]});
    }
    if (!options.target_is_input) split.labels.push_back(static_cast<std::int32_t>(label));
  }
  split.inputs = std::move(inputs);
  return split;
}

/// Throws if the dataset exceeds the free memory, before allocating.
void require_memory(const config::DataOptions& options) {
  double size = sizeof(float);
  for (const std::size_t extent : options.shape) size *= static_cast<double>(extent);
  const double rows =
      1.2 * static_cast<double>(options.samples) +
      static_cast<double>(kPrototypesOfClass) * static_cast<double>(options.classes);
  if (rows * size <= static_cast<double>(free_memory_bytes())) return;
  options.table.fail("samples", std::to_string(options.samples) + " samples and " +
                                    std::to_string(options.classes) + " classes of shape " +
                                    to_string(options.shape) +
                                    " do not fit into the free memory; reduce them");
}

}  // namespace

Dataset make_synthetic(const config::DataOptions& options) {
  require_memory(options);
  const std::vector<float> prototypes = make_prototypes(
      options.seed, static_cast<std::size_t>(options.classes), size_of(options.shape));
  const float weight = prototype_weight(options, prototypes);

  Dataset dataset;
  dataset.sample_shape = options.shape;
  dataset.target_is_input = options.target_is_input;
  if (options.target_is_input) {
    dataset.target_shape = options.shape;
  } else {
    dataset.classes = static_cast<std::size_t>(options.classes);
  }
  const auto samples = static_cast<std::size_t>(options.samples);
  dataset.train = make_split(options, prototypes, weight, samples, true);
  dataset.test =
      make_split(options, prototypes, weight, std::max<std::size_t>(1, samples / 5), false);
  return dataset;
}

}  // namespace ridgeline::data
