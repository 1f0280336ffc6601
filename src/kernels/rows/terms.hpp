#pragma once

#include "core/function.hpp"

namespace ridgeline::kernels {

/// Several terms of one element, which one pass over a row adds to separate sums.
template <class T, int Count>
struct Terms {
  using Scalar = T;
  static constexpr int kCount = Count;
  T value[Count];

  RIDGELINE_FUNCTION T& operator[](int s) { return value[s]; }
  RIDGELINE_FUNCTION const T& operator[](int s) const { return value[s]; }
  RIDGELINE_FUNCTION Terms& operator+=(const Terms& other) {
    for (int s = 0; s < Count; ++s) value[s] += other.value[s];
    return *this;
  }
};
template <class T, class... More>
RIDGELINE_FUNCTION Terms<T, 1 + sizeof...(More)> terms(T first, More... more) {
  return {{first, more...}};
}

}  // namespace ridgeline::kernels
