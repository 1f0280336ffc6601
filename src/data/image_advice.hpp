#pragma once

#include <string>

#include "core/shape.hpp"

namespace ridgeline::data {

/// Returns advice for the end of an error about samples of this shape where images [channels,
/// height, width] were expected, "; …", if they may be images that are stored in another way:
/// integers other than uint8, without a channel dimension, or with the channels last. Returns an
/// empty text for any other shape.
std::string image_advice(const Shape& sample, bool tokens);

}  // namespace ridgeline::data
