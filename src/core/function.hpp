#pragma once

// Marks what both a host and a device may call. Kokkos's own macro does the same, but needs
// Kokkos's headers, which the host-only translation units (host_*.cpp) are kept free of.
#if defined(__CUDACC__) || defined(__HIPCC__)
#define RIDGELINE_FUNCTION __host__ __device__ inline
#else
#define RIDGELINE_FUNCTION inline
#endif

// A function that a device calls rather than repeats: what is long and seldom wanted would crowd
// out the loop around it.
#if defined(__CUDACC__)
#define RIDGELINE_CALLED_FUNCTION __host__ __device__ __noinline__
#else
#define RIDGELINE_CALLED_FUNCTION inline
#endif

// Before a loop whose count the compiler knows: a device unrolls it whole, so that arrays which it
// indexes stay in registers. Hosts do as they see fit.
#if defined(__CUDA_ARCH__)
#define RIDGELINE_UNROLL _Pragma("unroll")
#else
#define RIDGELINE_UNROLL
#endif

// Before a loop of any count: a device repeats its body four times a turn.
#if defined(__CUDA_ARCH__)
#define RIDGELINE_UNROLL_BY_4 _Pragma("unroll 4")
#else
#define RIDGELINE_UNROLL_BY_4
#endif
