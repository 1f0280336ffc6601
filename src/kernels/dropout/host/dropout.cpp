#include "kernels/dropout/host/dropout.hpp"

#include <algorithm>

namespace ridgeline::kernels::host {
namespace {

// Computes the words of kDropoutCalls consecutive calls, by word: Philox in loops over the calls,
// which the compiler vectorises.
void words(const DropoutMask& mask, std::int64_t step, std::size_t first,
           std::uint32_t (&word)[4][kDropoutCalls]) {
  for (std::size_t c = 0; c < kDropoutCalls; ++c) {
    const std::uint64_t counter = mask.counter(step, first + c);
    word[0][c] = static_cast<std::uint32_t>(counter);
    word[1][c] = static_cast<std::uint32_t>(counter >> 32);
    word[2][c] = static_cast<std::uint32_t>(mask.stream);
    word[3][c] = static_cast<std::uint32_t>(mask.stream >> 32);
  }
  Philox::Key key(mask.seed);
  for (int round = 0; round < Philox::kRounds; ++round) {
    for (std::size_t c = 0; c < kDropoutCalls; ++c) {
      Philox::round(key, word[0][c], word[1][c], word[2][c], word[3][c]);
    }
    key.next();
  }
}

}  // namespace

template <class T>
void dropout(const DropoutMask& mask, std::int64_t step, std::size_t begin, std::size_t end,
             std::size_t before, std::size_t size, const T* x, T* y) {
  const T scale = static_cast<T>(mask.scale);
  for (std::size_t block = begin; block < end; ++block) {
    std::uint32_t word[4][kDropoutCalls];
    words(mask, step, block * kDropoutCalls, word);
    const std::size_t at = block * kDropoutBlock;
    const std::uint32_t* decisions = word[0];
    if (at >= before && at + kDropoutBlock <= before + size) {
      const T* const from = x + (at - before);
      T* const to = y + (at - before);
      for (std::size_t i = 0; i < kDropoutBlock;
           ++i) {  // constant: vector code without a remainder
        to[i] = from[i] * (decisions[i] < mask.threshold ? T(0) : scale);
      }
    } else {
      const std::size_t first = std::max(at, before);
      const std::size_t last = std::min(at + kDropoutBlock, before + size);
      for (std::size_t i = first; i < last; ++i) {
        y[i - before] = x[i - before] * (decisions[i - at] < mask.threshold ? T(0) : scale);
      }
    }
  }
}

template void dropout<float>(const DropoutMask&, std::int64_t, std::size_t, std::size_t,
                             std::size_t, std::size_t, const float*, float*);
template void dropout<double>(const DropoutMask&, std::int64_t, std::size_t, std::size_t,
                              std::size_t, std::size_t, const double*, double*);

}  // namespace ridgeline::kernels::host
