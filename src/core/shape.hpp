#pragma once

#include <cstddef>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace ridgeline {

/// The dimensions of one sample or one parameter, outermost first; row-major.
using Shape = std::vector<std::size_t>;

/// Returns the number of scalars in a shape; 1 for the empty shape of a scalar.
inline std::size_t size_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
}

/// Returns "[1, 28, 28]", the format of tables and errors.
inline std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace ridgeline
