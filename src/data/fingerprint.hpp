#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.hpp"

namespace ridgeline::data {

/// Identifies a dataset without reading all of it: a run must be resumed with its original data.
struct Fingerprint {
  std::int64_t train_samples = 0, test_samples = 0;
  std::string sample_shape, target_shape;  ///< "[1, 28, 28]"; "labels []" or values' shape
  /// Digests (io::Digest) of the training set's first and last sample: its inputs as passed to a
  /// network and its labels or targets, as float64.
  std::string first_sample, last_sample;

  /// Returns the difference from `other`, "60000 training samples and not 59000"; empty if there is
  /// none.
  std::string difference(const Fingerprint& other) const;
};

Fingerprint fingerprint_of(const Dataset& dataset);

}  // namespace ridgeline::data
