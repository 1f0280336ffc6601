#pragma once

// Marks what both a host and a device may call. Kokkos's own macro does the same, but needs
// Kokkos's headers, which the host-only translation units (host_*.cpp) are kept free of.
#if defined(__CUDACC__) || defined(__HIPCC__)
#define RIDGELINE_FUNCTION __host__ __device__ inline
#else
#define RIDGELINE_FUNCTION inline
#endif
