#pragma once

#include "core/cuda/compiler.hpp"

// Marks functions callable on host and device. KOKKOS_INLINE_FUNCTION does the same, but needs
// Kokkos's headers, which sources without Kokkos do not include.
#define RIDGELINE_FUNCTION RIDGELINE_HOST_DEVICE inline

// Marks a function that is not inlined on a device: inlining long, rarely executed code would bloat
// the loop around it.
#define RIDGELINE_CALLED_FUNCTION RIDGELINE_HOST_DEVICE RIDGELINE_NOINLINE_ON_DEVICE
