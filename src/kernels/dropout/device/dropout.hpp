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
  std::size_t before;  // elements before x

  std::size_t calls() const {
    const std::size_t blocks = (before + x.size() + kDropoutBlock - 1) / kDropoutBlock;
    return (blocks - before / kDropoutBlock) * kDropoutCalls;
  }

  KOKKOS_FUNCTION void operator()(std::size_t at) const {
    const std::size_t call = at + before / kDropoutBlock * kDropoutCalls;
    const Philox random(mask.seed, mask.stream, mask.counter(step(0), call));
    const std::size_t first = call / kDropoutCalls * kDropoutBlock + call % kDropoutCalls;
    for (std::size_t word = 0; word < 4; ++word) {
      const std::size_t i = first + word * kDropoutCalls;
      if (i < before || i >= before + x.size()) continue;
      y(i - before) = x(i - before) * (random.word[word] < mask.threshold ? T(0) : T(mask.scale));
    }
  }
};

}  // namespace ridgeline::kernels
