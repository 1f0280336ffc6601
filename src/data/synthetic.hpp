#pragma once

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Generates samples of shape `options.shape`: each class has two prototypes, and a sample is one
/// of them with added noise. Prototypes are placed so that a linear classifier classifies half of
/// the samples correctly and a network with a hidden layer nearly all. Values have variance about
/// 1. The training set has `options.samples` samples, the test set a fifth. Values are bitwise
/// reproducible. Throws RequestError if they do not fit into memory.
Dataset make_synthetic(const config::DataOptions& options);

}  // namespace ridgeline::data
