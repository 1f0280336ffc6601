#pragma once

#include <cstddef>

#include "core/host_vector.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// Stores that bypass the caches, for the probes; included by host_*.cpp alone, so that nvcc never
// compiles it.

namespace ridgeline::machine::host {

using ridgeline::host::kLanes;
using ridgeline::host::kManyRegisters;
using ridgeline::host::kVectorBytes;
using ridgeline::host::Vector;

#if defined(__SSE2__)
inline constexpr bool kNontemporalStores = true;
#else
inline constexpr bool kNontemporalStores = false;
#endif

/// Stores `v`, bypassing the caches; `p` is aligned to a vector. stores_done() orders it before
/// later stores.
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
