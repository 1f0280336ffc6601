#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/roofline.hpp"

namespace ridgeline::model {

/// A step, or an inference, at one batch.
struct BatchRoofline {
  std::size_t batch = 1;
  Roofline roofline;
};

/// Returns what holds the network back, a sentence each, for batches in increasing order: the
/// shares of the bounds, how near the layers come to their ceilings, what launching costs, energy
/// if it can be read, and of several batches from which one on layers are bound by arithmetic or by
/// bandwidth.
std::vector<std::string> explain(const std::vector<BatchRoofline>& batches, bool training);

}  // namespace ridgeline::model
