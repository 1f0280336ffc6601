# All user options. Included before project(), so they must not need a compiler.

option(RIDGELINE_ENABLE_OPENMP "Build the OpenMP execution space" ON)
option(RIDGELINE_ENABLE_CUDA "Build the CUDA execution space" OFF)

option(RIDGELINE_ENABLE_MPI "Train on several processes that MPI's mpirun or Slurm's srun starts" OFF)

set(RIDGELINE_ISA "native" CACHE STRING
  "Instruction set of the host code, passed as -march=; empty for the compiler's default")
set(RIDGELINE_CUDA_ARCH "" CACHE STRING
  "Compute capability of a Kokkos that is built here, such as 80; empty for a default")

set(RIDGELINE_KOKKOS "auto" CACHE STRING
  "Where Kokkos comes from: auto (tried in this order), installed, upstream, debian")
set_property(CACHE RIDGELINE_KOKKOS PROPERTY STRINGS auto installed upstream debian)
# Outside the presets' build folders, so that cleaning a preset does not rebuild Kokkos.
set(RIDGELINE_DEPS_DIR "${CMAKE_CURRENT_SOURCE_DIR}/build/deps" CACHE PATH
  "Where a Kokkos that is not installed is built, once per configuration")

option(RIDGELINE_PLPLOT "Draw the pictures of reports, if there is PLplot" ON)
option(RIDGELINE_BUILD_TESTS "Build the tests" ON)
option(RIDGELINE_COMPILE_TOGETHER
  "Compile sources in groups: half the time from scratch, more after a change of one source" ON)
option(RIDGELINE_PRECOMPILED_HEADER "Precompile Kokkos's header (never in a CUDA build)" ON)
option(RIDGELINE_WARNINGS_AS_ERRORS "Treat the compiler's warnings as errors" OFF)
option(RIDGELINE_BOUNDS_CHECKS "Check every View access in our own code" OFF)
set(RIDGELINE_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, such as address,undefined")
option(RIDGELINE_FUZZ "Build the fuzz targets, with Clang's libFuzzer" OFF)
