#include "machine/host_peak.hpp"

#include <cstring>

#include "machine/host_vector.hpp"

namespace ridgeline::machine::host {
namespace {

// Two registers remain for the factor and the addend.
constexpr std::size_t kChains = kManyRegisters ? 24 : 12;

}  // namespace

template <class T>
std::size_t fma_chain_count() {
  return kChains * kLanes<T>;
}

template <class T>
void fma_chains(T* x, T factor, T addend, long steps) {
  using V = Vector<T>;
  V chain[kChains];
  std::memcpy(chain, x, sizeof(chain));
  const V factors = V{} + factor, addends = V{} + addend;
  for (long step = 0; step < steps; ++step) {
    // Unrolled completely, so that the array is in registers.
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 24
#endif
    for (std::size_t i = 0; i < kChains; ++i) chain[i] = chain[i] * factors + addends;
  }
  std::memcpy(x, chain, sizeof(chain));
}

template std::size_t fma_chain_count<float>();
template std::size_t fma_chain_count<double>();
template void fma_chains<float>(float*, float, float, long);
template void fma_chains<double>(double*, double, double, long);

}  // namespace ridgeline::machine::host
