#include "data/fingerprint.hpp"

#include <vector>

#include "io/digest.hpp"

namespace ridgeline::data {
namespace {

std::string digest_of_sample(const Dataset& dataset, std::size_t sample) {
  std::vector<double> inputs(dataset.sample_size()), targets(dataset.target_size());
  std::vector<std::int32_t> labels(dataset.labels_per_sample());
  const auto index = static_cast<std::uint32_t>(sample);
  dataset.gather(dataset.train, &index, 1, inputs.data(), labels.data(), targets.data());
  io::Digest digest;
  digest.add(inputs.data(), inputs.size() * sizeof(double));
  digest.add(labels.data(), labels.size() * sizeof(std::int32_t));
  digest.add(targets.data(), targets.size() * sizeof(double));
  return digest.text();
}

}  // namespace

std::string Fingerprint::difference(const Fingerprint& other) const {
  const auto differ = [](const std::string& what, const auto& mine, const auto& theirs) {
    if constexpr (std::is_same_v<std::decay_t<decltype(mine)>, std::int64_t>) {
      return std::to_string(mine) + " " + what + " and not " + std::to_string(theirs);
    } else {
      return mine + " " + what + " and not " + theirs;
    }
  };
  if (train_samples != other.train_samples) {
    return differ("training samples", train_samples, other.train_samples);
  }
  if (test_samples != other.test_samples) {
    return differ("test samples", test_samples, other.test_samples);
  }
  if (sample_shape != other.sample_shape) {
    return differ("as a sample's shape", sample_shape, other.sample_shape);
  }
  if (target_shape != other.target_shape) {
    return differ("as targets", target_shape, other.target_shape);
  }
  if (first_sample != other.first_sample) return "another first sample";
  if (last_sample != other.last_sample) return "another last sample";
  return {};
}

Fingerprint fingerprint_of(const Dataset& dataset) {
  Fingerprint print;
  print.train_samples = static_cast<std::int64_t>(dataset.train.samples);
  print.test_samples = static_cast<std::int64_t>(dataset.test.samples);
  print.sample_shape = to_string(dataset.sample_shape);
  print.target_shape = dataset.has_labels() ? "labels " + to_string(dataset.label_shape)
                                            : "values " + to_string(dataset.target_shape);
  if (dataset.train.samples == 0) return print;
  print.first_sample = digest_of_sample(dataset, 0);
  print.last_sample = digest_of_sample(dataset, dataset.train.samples - 1);
  return print;
}

}  // namespace ridgeline::data
