# In a CUDA build, sources that do without Kokkos are compiled by the host compiler: nvcc takes
# several times as long, does not compile toml++, and knows no vector extensions. Which they are is
# read off their includes, so that nobody keeps a list.

# Sets RESULT to whether FILE includes a header of Kokkos, itself or through headers of ours.
function(ridgeline_includes_kokkos file result)
  get_property(answer GLOBAL PROPERTY "ridgeline_kokkos_in_${file}")
  if("${answer}" STREQUAL "")
    set(answer FALSE)
    set_property(GLOBAL PROPERTY "ridgeline_kokkos_in_${file}" FALSE)  # ends a circle of includes
    file(STRINGS "${file}" includes REGEX "^[ \t]*#[ \t]*include")
    if(includes MATCHES "<Kokkos")
      set(answer TRUE)
    endif()
    cmake_path(GET file PARENT_PATH folder)
    foreach(include IN LISTS includes)
      if(answer)
        break()
      elseif(include MATCHES "\"([^\"]+)\"")
        foreach(root "${folder}" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/tests")
          cmake_path(ABSOLUTE_PATH CMAKE_MATCH_1 BASE_DIRECTORY "${root}" NORMALIZE
            OUTPUT_VARIABLE header)
          if(EXISTS "${header}")
            ridgeline_includes_kokkos("${header}" answer)
            break()
          endif()
        endforeach()
      endif()
    endforeach()
    set_property(GLOBAL PROPERTY "ridgeline_kokkos_in_${file}" ${answer})
    if(RIDGELINE_ENABLE_CUDA)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    endif()
  endif()
  set(${result} ${answer} PARENT_SCOPE)
endfunction()

# What single sources need besides ridgeline_compile_options().
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
    # GCC 12 takes the undefined operands of its own AVX-512 intrinsics for variables that are read before
    # they are set (GCC's bug 105593): 370 warnings about Eigen's products.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      file(STRINGS "${source}" eigen REGEX "^#include <Eigen/" LIMIT_COUNT 1)
      if(eigen)
        set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -Wno-maybe-uninitialized)
      endif()
    endif()
    # It checks the CPU before anything else runs, so any CPU must be able to run it. The last
    # -march= counts.
    if(source MATCHES "/isa_baseline\\.cpp$" AND RIDGELINE_ISA
       AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
      set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -march=x86-64)
    endif()
  endforeach()
endfunction()

# Sources of one target, several of which are compiled together, in groups called NAME: nvcc reads Kokkos's headers four times
# a source, which takes longer than most of what is in one, and a build with sanitizers is always made
# from scratch. Their local names must differ.
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
