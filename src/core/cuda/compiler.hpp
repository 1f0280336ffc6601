#pragma once

// Instructions to the CUDA compiler, as macros that are empty or host code elsewhere. Includes no
// header, so that sources without Kokkos can use it.

// 1 where a compiler compiles for host and device (in both of its passes), and 1 in the device
// pass.
#if defined(__CUDACC__)
#define RIDGELINE_DEVICE_COMPILER 1
#else
#define RIDGELINE_DEVICE_COMPILER 0
#endif
#if defined(__CUDA_ARCH__)
#define RIDGELINE_DEVICE_PASS 1
#else
#define RIDGELINE_DEVICE_PASS 0
#endif

#if RIDGELINE_DEVICE_COMPILER
#define RIDGELINE_HOST_DEVICE __host__ __device__
#define RIDGELINE_NOINLINE_ON_DEVICE __noinline__
#else
#define RIDGELINE_HOST_DEVICE
#define RIDGELINE_NOINLINE_ON_DEVICE inline
#endif

// Before a loop: unrolls it, fully or by a factor, in the device pass.
#if RIDGELINE_DEVICE_PASS
#define RIDGELINE_UNROLL _Pragma("unroll")
#define RIDGELINE_UNROLL_BY_4 _Pragma("unroll 4")
#define RIDGELINE_UNROLL_BY_8 _Pragma("unroll 8")
// States that a pointer is to team scratch: otherwise the compiler emits generic loads, which are
// slower and are not merged.
#define RIDGELINE_ASSUME_SCRATCH(pointer) __builtin_assume(__isShared(pointer))
#else
#define RIDGELINE_UNROLL
#define RIDGELINE_UNROLL_BY_4
#define RIDGELINE_UNROLL_BY_8
#define RIDGELINE_ASSUME_SCRATCH(pointer)
#endif

// At file scope, in effect to its end: functors for host and device may call host-only functions.
#if RIDGELINE_DEVICE_COMPILER
#define RIDGELINE_ALLOW_CALLS_OF_HOST_FUNCTIONS _Pragma("nv_diag_suppress 20011, 20014")
#else
#define RIDGELINE_ALLOW_CALLS_OF_HOST_FUNCTIONS
#endif
