#pragma once

#include <string>

#include "core/error.hpp"
#include "layers/layer.hpp"

namespace ridgeline::layers {

/// The input of a layer is not the image that it needs.
struct ImageError : RequestError {
  using RequestError::RequestError;
};

/// Throws ImageError unless the input is [channels, height, width].
void require_image(const Description& from);

/// Throws ImageError "FILE:LINE: MESSAGE" with the line of the key.
[[noreturn]] void refuse_image(const Description& from, const std::string& key,
                               const std::string& message);

}  // namespace ridgeline::layers
