#pragma once

#include <cstddef>

namespace ridgeline {

/// Calls `body` with a zero of the scalar that has this size, 4 or 8 bytes: the one place where a
/// precision becomes a type.
template <class Body>
decltype(auto) with_scalar(std::size_t bytes, Body&& body) {
  return bytes == sizeof(float) ? body(float()) : body(double());
}

}  // namespace ridgeline
