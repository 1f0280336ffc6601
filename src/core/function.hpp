#pragma once

// Marks functions callable on host and device. KOKKOS_INLINE_FUNCTION does the same, but needs
// Kokkos's headers, which host-only translation units (host_*.cpp) do not include.
#if defined(__CUDACC__) || defined(__HIPCC__)
#define RIDGELINE_FUNCTION __host__ __device__ inline
#else
#define RIDGELINE_FUNCTION inline
#endif

// Marks a function that is not inlined on a device: inlining long, rarely executed code would bloat
// the loop around it.
#if defined(__CUDACC__)
#define RIDGELINE_CALLED_FUNCTION __host__ __device__ __noinline__
#else
#define RIDGELINE_CALLED_FUNCTION inline
#endif

// Placed before a loop with a compile-time trip count. A device compiler unrolls it fully, so that
// arrays indexed in it stay in registers; on a host the compiler decides.
#if defined(__CUDA_ARCH__)
#define RIDGELINE_UNROLL _Pragma("unroll")
#else
#define RIDGELINE_UNROLL
#endif

// Placed before a loop of any trip count: a device compiler unrolls it by 4.
#if defined(__CUDA_ARCH__)
#define RIDGELINE_UNROLL_BY_4 _Pragma("unroll 4")
#else
#define RIDGELINE_UNROLL_BY_4
#endif
