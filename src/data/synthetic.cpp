#include "data/synthetic.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/random.hpp"

namespace ridgeline::data {
namespace {

constexpr std::size_t kPrototypesOfClass = 2;
/// Distance between the nearest prototypes of two classes in standard deviations of the noise: the
/// midpoint between them is 3 away, beyond which lies 1 sample in 740.
constexpr double kSeparation = 6.0;
/// Pairs of prototypes times size, above which their distance is not measured but expected.
constexpr double kMostWork = 1e8;

enum Purpose : std::uint64_t { kTrainNoise, kTestNoise, kPrototypes, kTrainChoice, kTestChoice };

/// Near-normal noise of mean 0 and variance 1: the sum of four bytes. Unlike the normal
/// distribution by logarithm and cosine it is the same on every machine to the last bit.
float noise(std::uint32_t word) {
  const int sum =
      static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
  constexpr float kDeviation = 147.80054f;  // square root of 4 (256^2 - 1) / 12
  return static_cast<float>(sum - 510) / kDeviation;
}

/// Row `row` of a matrix of noise with `size` columns.
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

/// The smallest distance between prototypes of different classes.
double nearest_distance(const std::vector<float>& prototypes, std::size_t size) {
  const std::size_t count = prototypes.size() / size;
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
    for (std::size_t k = 0; k < size; ++k) {
      sample[k] = weight * prototype[k] + noise_weight * sample[k];
    }
    if (!options.target_is_input) split.labels.push_back(static_cast<std::int32_t>(label));
  }
  split.inputs = std::move(inputs);
  return split;
}

/// Throws where the set is larger than the machine's memory, before anything is allocated.
void require_memory(const config::DataOptions& options) {
  double size = sizeof(float);
  for (const std::size_t extent : options.shape) size *= static_cast<double>(extent);
  const double rows =
      1.2 * static_cast<double>(options.samples) +
      static_cast<double>(kPrototypesOfClass) * static_cast<double>(options.classes);
  const double memory =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (rows * size <= memory) return;
  options.table.fail("samples", std::to_string(options.samples) + " samples and " +
                                    std::to_string(options.classes) + " classes of shape " +
                                    to_string(options.shape) +
                                    " do not fit into this machine's memory; ask for less");
}

}  // namespace

Dataset make_synthetic(const config::DataOptions& options) {
  require_memory(options);
  const std::size_t size = size_of(options.shape);
  const std::size_t count = static_cast<std::size_t>(options.classes) * kPrototypesOfClass;
  std::vector<float> prototypes(count * size);
  for (std::size_t p = 0; p < count; ++p) {
    fill_noise(options.seed, kPrototypes, p, size, prototypes.data() + p * size);
  }
  const double work = static_cast<double>(count) * static_cast<double>(count * size);
  const double distance = work <= kMostWork ? nearest_distance(prototypes, size)
                                            : std::sqrt(2.0 * static_cast<double>(size));
  // Weights of prototype w and noise v with w / v = kSeparation / distance and w^2 + v^2 = 1.
  const double ratio = kSeparation / std::max(distance, 1e-3);
  const auto weight = static_cast<float>(ratio / std::sqrt(1.0 + ratio * ratio));

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
