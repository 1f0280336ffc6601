# Sets the strings of src/core/build_info.hpp in a template; WriteBuildInfo.cmake inserts the git
# commit at every build.

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}" RIDGELINE_FLAGS)
set(RIDGELINE_COMPILER "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")

# The architecture that -march=native selects is queried from the compiler.
set(RIDGELINE_ISA_NAME "${RIDGELINE_ISA}")
if(RIDGELINE_ISA)
  string(APPEND RIDGELINE_FLAGS " -march=${RIDGELINE_ISA}")
  if(RIDGELINE_ISA STREQUAL "native")
    execute_process(COMMAND "${RIDGELINE_HOST_CXX}" -march=native -Q --help=target
      OUTPUT_VARIABLE help ERROR_QUIET)
    if(help MATCHES "\n *-march=[ \t]+([^ \t\n]+)")
      set(RIDGELINE_ISA_NAME "${CMAKE_MATCH_1}")
      # A processor that the compiler does not know yet has the name of an older one.
      if(help MATCHES "\n *-mavx512f[ \t]+\\[enabled\\]" AND RIDGELINE_ISA_NAME MATCHES "znver[123]")
        string(APPEND RIDGELINE_ISA_NAME " with AVX-512")
      endif()
      set(RIDGELINE_ISA_NAME "native (${RIDGELINE_ISA_NAME})")
    endif()
  endif()
else()
  set(RIDGELINE_ISA_NAME "compiler's default")
endif()

set(RIDGELINE_CUDA_ARCH_NAME "")
if(RIDGELINE_ENABLE_CUDA)
  execute_process(COMMAND "${RIDGELINE_NVCC}" --version OUTPUT_VARIABLE nvcc)
  if(nvcc MATCHES "release [0-9.]+, V([0-9.]+)")
    string(APPEND RIDGELINE_COMPILER ", nvcc ${CMAKE_MATCH_1}")
  endif()
  # Kokkos's name, defined in every installation: AMPERE80, HOPPER90 …
  set(RIDGELINE_CUDA_ARCH_NAME "${Kokkos_ARCH}")
  list(FILTER RIDGELINE_CUDA_ARCH_NAME INCLUDE REGEX
    "^(VOLTA|TURING|AMPERE|ADA|HOPPER|BLACKWELL)[0-9]+$")
endif()
if(RIDGELINE_SANITIZE)
  string(APPEND RIDGELINE_FLAGS " -fsanitize=${RIDGELINE_SANITIZE}")
endif()
if(RIDGELINE_BOUNDS_CHECKS)
  string(APPEND RIDGELINE_FLAGS " -DKOKKOS_ENABLE_DEBUG_BOUNDS_CHECK")
endif()

set(RIDGELINE_BUILD_INFO "${PROJECT_BINARY_DIR}/generated/build_info.cpp")
set(RIDGELINE_GIT_COMMIT "@RIDGELINE_GIT_COMMIT@")
configure_file("${CMAKE_CURRENT_LIST_DIR}/build_info.cpp.in" "${RIDGELINE_BUILD_INFO}.in" @ONLY)
add_custom_target(ridgeline_build_info
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "-DBUILD_INFO=${RIDGELINE_BUILD_INFO}" -P "${CMAKE_CURRENT_LIST_DIR}/WriteBuildInfo.cmake"
  BYPRODUCTS "${RIDGELINE_BUILD_INFO}"
  COMMENT "Determining the git commit" VERBATIM)
