#pragma once

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Samples of shape `options.shape`: each class has two prototypes, and a sample is one of them
/// under noise. Prototypes are placed so that a linear classifier gets half of the samples right
/// and a network with a hidden layer nearly all. Values have variance about 1. The training set has
/// `options.samples`, the test set a fifth of it. The same options give the same values to the last
/// bit. Throws RequestError where they do not fit into memory.
Dataset make_synthetic(const config::DataOptions& options);

}  // namespace ridgeline::data
