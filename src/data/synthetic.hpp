#pragma once

#include "config/deck.hpp"
#include "data/dataset.hpp"

namespace ridgeline::data {

/// Samples of shape `options.shape`: each class has two prototypes, and a sample is one of them
/// under noise strong enough that neighbouring classes overlap. Values have variance about 1. The
/// training set has `options.samples`, the test set a fifth of it. A value depends on seed and
/// position alone, and the same on every machine.
Dataset make_synthetic(const config::DataOptions& options);

}  // namespace ridgeline::data
