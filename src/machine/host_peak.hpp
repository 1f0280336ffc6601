#pragma once

#include <cstddef>

namespace ridgeline::machine::host {

/// Returns the number of scalars of `fma_chains`: independent vectors in registers × lanes of a
/// vector. Twelve vectors or more cover latency × issue width (4 cycles × 2 units on most x86, 4 ×
/// 4 on wide Arm cores, which have the registers for 24).
template <class T>
std::size_t fma_chain_count();

/// Computes x[i] ← x[i] · factor + addend, `steps` times, for each of the `fma_chain_count<T>()`
/// scalars of `x`: 2 · count · steps FLOPs. One fused instruction per step if the target has it.
template <class T>
void fma_chains(T* x, T factor, T addend, long steps);

}  // namespace ridgeline::machine::host
