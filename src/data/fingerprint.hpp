#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.hpp"

namespace ridgeline::data {

/// What tells one set of data from another without reading all of it: a run is resumed on the data
/// that it began with.
struct Fingerprint {
  std::int64_t train_samples = 0, test_samples = 0;
  std::string sample_shape, target_shape;  ///< "[1, 28, 28]"; "labels []" or values' shape
  /// Digests (io::Digest) of the training set's first and last sample: its inputs as a network gets
  /// them and its labels or targets, as float64.
  std::string first_sample, last_sample;

  /// How this differs from `other`, "60000 training samples, and 59000 …"; empty if it does not.
  std::string difference(const Fingerprint& other) const;
};

Fingerprint fingerprint_of(const Dataset& dataset);

}  // namespace ridgeline::data
