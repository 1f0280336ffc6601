# Options of individual sources.

# Marks sources that do not use Kokkos. In a CUDA build the host compiler compiles them: nvcc takes
# several times as long, does not compile toml++, and does not support vector extensions.
function(ridgeline_host_only)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if(RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS --host-only)
  endif()
endfunction()

# Sets options that individual sources need in addition to ridgeline_compile_options().
function(ridgeline_source_options)
  foreach(source IN LISTS ARGN)
    if(NOT source MATCHES "\\.cpp$")
      continue()
    endif()
    # GCC 12 reports the undefined operands of its AVX-512 intrinsics as uninitialised variables
    # (GCC bug 105593): 370 warnings in Eigen's products.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      file(STRINGS "${source}" eigen REGEX "^#include <Eigen/" LIMIT_COUNT 1)
      if(eigen)
        set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -Wno-maybe-uninitialized)
      endif()
    endif()
    # This source checks the CPU before any other code runs, so it must run on any CPU. The last
    # -march= takes effect.
    if(source MATCHES "/isa_baseline\\.cpp$" AND RIDGELINE_ISA
       AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
      set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -march=x86-64)
    endif()
  endforeach()
endfunction()

# Compiles sources of one target together, in groups named NAME: nvcc parses Kokkos's headers four
# times per source, which takes longer than the rest of most sources, and a build with sanitizers
# always starts from scratch. Local names of the sources must differ.
function(ridgeline_compile_together target name)
  if(NOT RIDGELINE_ENABLE_CUDA AND NOT RIDGELINE_SANITIZE)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  set(index 0)
  foreach(source IN LISTS ARGN)
    get_source_file_property(host_only "${source}" SKIP_PRECOMPILE_HEADERS)
    get_source_file_property(own_options "${source}" COMPILE_OPTIONS)
    if(host_only OR own_options)
      continue()
    endif()
    math(EXPR group "${index} / 6")
    math(EXPR index "${index} + 1")
    set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${name}_${group}")
  endforeach()
endfunction()
