#pragma once

#include <cstddef>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// The widest vectors that the target's instruction set has, as GNU vector extensions, for the
// probes whose machine code must be known; included by host_*.cpp alone, so that nvcc never sees
// it.

namespace ridgeline::machine::host {

#if defined(__AVX512F__)
inline constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr std::size_t kVectorBytes = 32;
#else
inline constexpr std::size_t kVectorBytes = 16;
#endif

// Architectures with 32 vector registers; the others have 16.
#if defined(__AVX512F__) || defined(__aarch64__) || defined(__powerpc64__) || defined(__riscv)
inline constexpr bool kManyRegisters = true;
#else
inline constexpr bool kManyRegisters = false;
#endif

template <class T>
struct VectorOf {
  // Aligned as its element: a chunk may begin anywhere, and an aligned access costs the same.
  typedef T type __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
inline constexpr std::size_t kLanes = kVectorBytes / sizeof(T);

#if defined(__SSE2__)
inline constexpr bool kNontemporalStores = true;
#else
inline constexpr bool kNontemporalStores = false;
#endif

/// Stores past the caches; `p` is aligned to a vector. stores_done() orders it before later stores.
inline void store_nontemporal(double* p, const Vector<double>& v) {
#if defined(__AVX512F__)
  _mm512_stream_pd(p, reinterpret_cast<__m512d>(v));
#elif defined(__AVX__)
  _mm256_stream_pd(p, reinterpret_cast<__m256d>(v));
#elif defined(__SSE2__)
  _mm_stream_pd(p, reinterpret_cast<__m128d>(v));
#else
  *reinterpret_cast<Vector<double>*>(p) = v;
#endif
}

inline void stores_done() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace ridgeline::machine::host
