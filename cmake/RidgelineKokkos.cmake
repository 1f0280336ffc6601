# Chooses Kokkos and Kokkos Kernels: an installed pair with the requested devices, or else
# upstream's release, or else Debian's source package, built here. Sets
#   Kokkos_DIR, KokkosKernels_DIR    for find_package() after project()
#   RIDGELINE_KOKKOS_ORIGIN          in words, for `ridgeline info`
#   RIDGELINE_KOKKOS_PREFIX          where it was built here; empty if it was installed
#   CMAKE_CXX_COMPILER               in a CUDA build: that Kokkos's nvcc_wrapper

list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}/kokkos")
include(KokkosInstalled)
include(KokkosUpstream)
include(KokkosDebian)
include(KokkosBuild)

# Host compiler chosen by the user or else by CMake. In a CUDA build CMAKE_CXX_COMPILER is the
# wrapper from the second configuration on, so the host compiler is cached here.
if(NOT RIDGELINE_HOST_CXX)
  if(CMAKE_CXX_COMPILER AND NOT CMAKE_CXX_COMPILER MATCHES "nvcc_wrapper")
    set(candidates "${CMAKE_CXX_COMPILER}")
  elseif(NOT "$ENV{CXX}" STREQUAL "" AND NOT "$ENV{CXX}" MATCHES "nvcc_wrapper")
    set(candidates "$ENV{CXX}")
  elseif(RIDGELINE_ENABLE_CUDA AND NOT "$ENV{NVCC_WRAPPER_DEFAULT_COMPILER}" STREQUAL "")
    set(candidates "$ENV{NVCC_WRAPPER_DEFAULT_COMPILER}")
  else()
    set(candidates c++ g++ clang++)
  endif()
  find_program(RIDGELINE_HOST_CXX NAMES ${candidates} REQUIRED)
  mark_as_advanced(RIDGELINE_HOST_CXX)
endif()

set(ridgeline_devices SERIAL)
if(RIDGELINE_ENABLE_OPENMP)
  list(APPEND ridgeline_devices OPENMP)
endif()
if(RIDGELINE_ENABLE_CUDA)
  list(APPEND ridgeline_devices CUDA)
  find_program(RIDGELINE_NVCC nvcc
    HINTS "${CUDAToolkit_ROOT}" ENV CUDAToolkit_ROOT ENV CUDA_HOME ENV CUDA_ROOT /usr/local/cuda
    PATH_SUFFIXES bin)
  mark_as_advanced(RIDGELINE_NVCC)
  if(NOT RIDGELINE_NVCC)
    message(FATAL_ERROR "RIDGELINE_ENABLE_CUDA needs the CUDA toolkit, and nvcc was not found. "
      "Put it on PATH or set CUDAToolkit_ROOT.")
  endif()
endif()

function(ridgeline_choose_kokkos)
  set(sources installed upstream debian)
  if(NOT RIDGELINE_KOKKOS STREQUAL "auto")
    if(NOT RIDGELINE_KOKKOS IN_LIST sources)
      message(FATAL_ERROR "RIDGELINE_KOKKOS=${RIDGELINE_KOKKOS}: auto, ${sources} are possible.")
    endif()
    set(sources "${RIDGELINE_KOKKOS}")
  endif()
  foreach(source IN LISTS sources)
    if(source STREQUAL "installed")
      ridgeline_installed_kokkos(found reason)
    else()
      ridgeline_built_kokkos(${source} found reason)
    endif()
    if(found)
      return()
    endif()
    message(STATUS "Kokkos, ${source}: ${reason}")
  endforeach()
  message(FATAL_ERROR "No Kokkos with the devices ${ridgeline_devices} was found or could be "
    "built; see the lines above. Point Kokkos_ROOT and KokkosKernels_ROOT at an installed "
    "one, or put the archives of ${RIDGELINE_UPSTREAM_VERSION} into "
    "${RIDGELINE_DEPS_DIR}/downloads.")
endfunction()

# Inputs of the choice: as long as they do not change, a later configuration keeps it. A Kokkos_DIR
# that differs from the chosen one was set by the user.
string(CONCAT ridgeline_kokkos_request
  "${RIDGELINE_KOKKOS}|${ridgeline_devices}|${RIDGELINE_HOST_CXX}|${RIDGELINE_CUDA_ARCH}|"
  "${RIDGELINE_DEPS_DIR}|${Kokkos_ROOT}|${KokkosKernels_ROOT}|${CMAKE_PREFIX_PATH}|"
  "$ENV{Kokkos_ROOT}|$ENV{KokkosKernels_ROOT}|$ENV{CMAKE_PREFIX_PATH}")
if(NOT ridgeline_kokkos_request STREQUAL "${RIDGELINE_KOKKOS_CHOSEN_FOR}"
   OR NOT "${Kokkos_DIR};${KokkosKernels_DIR}" STREQUAL "${RIDGELINE_KOKKOS_CHOSEN_DIRS}"
   OR NOT DEFINED RIDGELINE_KOKKOS_PREFIX
   OR NOT EXISTS "${Kokkos_DIR}/KokkosConfig.cmake"
   OR NOT EXISTS "${KokkosKernels_DIR}/KokkosKernelsConfig.cmake")
  ridgeline_choose_kokkos()
  set(RIDGELINE_KOKKOS_CHOSEN_DIRS "${Kokkos_DIR};${KokkosKernels_DIR}" CACHE INTERNAL "")
  set(RIDGELINE_KOKKOS_CHOSEN_FOR "${ridgeline_kokkos_request}" CACHE INTERNAL "")
endif()
message(STATUS "Kokkos: ${RIDGELINE_KOKKOS_ORIGIN}, ${Kokkos_DIR}")

if(RIDGELINE_KOKKOS_COMPILER)
  if(CMAKE_CXX_COMPILER AND EXISTS "${CMAKE_BINARY_DIR}/CMakeFiles/${CMAKE_VERSION}"
     AND NOT CMAKE_CXX_COMPILER STREQUAL RIDGELINE_KOKKOS_COMPILER)
    message(FATAL_ERROR "The chosen Kokkos needs another compiler (${RIDGELINE_KOKKOS_COMPILER}) "
      "than this build folder was configured with: remove ${CMAKE_BINARY_DIR} first.")
  endif()
  set(CMAKE_CXX_COMPILER "${RIDGELINE_KOKKOS_COMPILER}" CACHE FILEPATH "" FORCE)
endif()
