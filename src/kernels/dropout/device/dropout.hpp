#pragma once

#include <Kokkos_Core.hpp>

#include "core/views.hpp"
#include "kernels/dropout/mask.hpp"

namespace ridgeline::kernels {

/// The device's dropout: one thread per call of Philox, which decides on four elements.
template <class Memory, class T>
struct DeviceDropout {
  DropoutMask mask;
  Vector<Memory, const std::int64_t> step;
  Vector<Memory, const T> x;
  Vector<Memory, T> y;

  /// Returns the number of calls for `size` elements.
  static std::size_t calls(std::size_t size) {
    return (size + kDropoutBlock - 1) / kDropoutBlock * kDropoutCalls;
  }

  KOKKOS_FUNCTION void operator()(std::size_t call) const {
    const Philox random(mask.seed, mask.stream, mask.counter(step(0), call));
    const std::size_t first = call / kDropoutCalls * kDropoutBlock + call % kDropoutCalls;
    for (std::size_t word = 0; word < 4; ++word) {
      const std::size_t i = first + word * kDropoutCalls;
      if (i < x.size()) y(i) = x(i) * (random.word[word] < mask.threshold ? T(0) : T(mask.scale));
    }
  }
};

}  // namespace ridgeline::kernels
