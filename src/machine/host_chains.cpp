#include "machine/host_chains.hpp"

#include <utility>

namespace ridgeline::machine::host {
namespace {

// The number is known at compile time, so that as many pointers as possible stay in registers.
template <int Chains>
void chase(void** at, long steps) {
  void* node[Chains];
  for (int i = 0; i < Chains; ++i) node[i] = at[i];
  for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 32
    for (int i = 0; i < Chains; ++i) node[i] = *static_cast<void**>(node[i]);
  }
  for (int i = 0; i < Chains; ++i) at[i] = node[i];
}

using Function = void (*)(void**, long);

template <int... Index>
Function function_for(int chains, std::integer_sequence<int, Index...>) {
  constexpr Function functions[] = {chase<Index + 1>...};
  return functions[chains - 1];
}

}  // namespace

void chase_chains(void** at, int chains, long steps) {
  function_for(chains, std::make_integer_sequence<int, kMostChains>())(at, steps);
}

}  // namespace ridgeline::machine::host
