#pragma once

// How the host's matrix product cuts a tile of registers, for its files alone.

namespace ridgeline::kernels::host {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kRows = 14;  // 14 × 2 accumulators of 32 registers
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kRows = 6;  // 6 × 2 accumulators of 16 registers
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kRows = 6;
#endif
inline constexpr int kVectors = 2;

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int kColumns = kLanes<T>* kVectors;

inline int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Start of part `i` when `n` is cut into `parts` as evenly as can be.
inline int part(int n, int parts, int i) {
  return static_cast<int>(static_cast<long long>(n) * i / parts);
}

}  // namespace ridgeline::kernels::host
