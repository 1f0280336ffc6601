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

/// Returns sentences that explain what bounds the network, for batches in increasing order: the
/// shares of the bounds, how close the layers come to their ceilings, launch costs, energy if it
/// can be read, and, for several batches, the one from which on layers are bound by arithmetic or
/// by bandwidth.
std::vector<std::string> explain(const std::vector<BatchRoofline>& batches, bool training);

}  // namespace ridgeline::model
