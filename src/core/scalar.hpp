#pragma once

#include <cstddef>
#include <stdexcept>

namespace ridgeline {

/// Calls `body` with a zero of the scalar that has this size, 4 or 8 bytes. Only this function maps
/// a precision to a type.
template <class Body>
decltype(auto) with_scalar(std::size_t bytes, Body&& body) {
  if (bytes == sizeof(float)) return body(float());
  if (bytes == sizeof(double)) return body(double());
  throw std::logic_error("there is no scalar of this size");
}

}  // namespace ridgeline
