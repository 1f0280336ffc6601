# In a CUDA build, sources that do not use Kokkos are compiled by the host compiler: nvcc takes
# several times as long, does not compile toml++, and does not support vector extensions. These
# sources are determined from their includes, so that no list needs maintenance.

# Sets RESULT to whether FILE includes a Kokkos header, directly or through headers of Ridgeline.
function(ridgeline_includes_kokkos file result)
  get_property(uses_kokkos GLOBAL PROPERTY "ridgeline_kokkos_in_${file}")
  if("${uses_kokkos}" STREQUAL "")
    set(uses_kokkos FALSE)
    set_property(GLOBAL PROPERTY "ridgeline_kokkos_in_${file}" FALSE)  # ends cyclic includes
    file(STRINGS "${file}" includes REGEX "^[ \t]*#[ \t]*include")
    if(includes MATCHES "<Kokkos")
      set(uses_kokkos TRUE)
    endif()
    cmake_path(GET file PARENT_PATH folder)
    foreach(include IN LISTS includes)
      if(uses_kokkos)
        break()
      elseif(include MATCHES "\"([^\"]+)\"")
        foreach(root "${folder}" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
          cmake_path(ABSOLUTE_PATH CMAKE_MATCH_1 BASE_DIRECTORY "${root}" NORMALIZE
            OUTPUT_VARIABLE header)
          if(EXISTS "${header}")
            ridgeline_includes_kokkos("${header}" uses_kokkos)
            break()
          endif()
        endforeach()
      endif()
    endforeach()
    set_property(GLOBAL PROPERTY "ridgeline_kokkos_in_${file}" ${uses_kokkos})
    if(RIDGELINE_ENABLE_CUDA)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    endif()
  endif()
  set(${result} ${uses_kokkos} PARENT_SCOPE)
endfunction()

# Sets options of individual sources, in addition to ridgeline_compile_options().
function(ridgeline_source_options)
  foreach(source IN LISTS ARGN)
    if(NOT source MATCHES "\\.cpp$")
      continue()
    endif()
    ridgeline_includes_kokkos("${source}" kokkos)
    if(NOT kokkos)
      set_source_files_properties("${source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
      if(RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
        set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS --host-only)
      endif()
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
    ridgeline_includes_kokkos("${source}" kokkos)
    get_source_file_property(own_options "${source}" COMPILE_OPTIONS)
    if(NOT kokkos OR own_options)
      continue()
    endif()
    math(EXPR group "${index} / 6")
    math(EXPR index "${index} + 1")
    set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${name}_${group}")
  endforeach()
endfunction()
