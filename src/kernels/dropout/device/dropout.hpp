#pragma once

#include <Kokkos_Core.hpp>

#include "kernels/dropout/mask.hpp"

namespace ridgeline::kernels {

/// The device's dropout: one thread per call of Philox, which decides four elements.
template <class T>
struct DeviceDropout {
  DropoutMask mask;
  const std::int64_t* step;
  std::size_t size;
  const T* x;
  T* y;

  /// Calls for `size` elements.
  static std::size_t calls(std::size_t size) {
    return (size + kDropoutBlock - 1) / kDropoutBlock * kDropoutCalls;
  }

  KOKKOS_FUNCTION void operator()(std::size_t call) const {
    DropoutMask now = mask;
    now.step = static_cast<std::uint64_t>(*step);
    const Philox random(now.seed, now.stream, now.counter(call));
    const std::size_t first = call / kDropoutCalls * kDropoutBlock + call % kDropoutCalls;
    for (std::size_t word = 0; word < 4; ++word) {
      const std::size_t i = first + word * kDropoutCalls;
      if (i < size) y[i] = x[i] * (random.word[word] < now.threshold ? T(0) : T(now.scale));
    }
  }
};

}  // namespace ridgeline::kernels
