# Options of individual sources.

# Marks sources that do not use Kokkos. In a CUDA build the host compiler compiles them: nvcc takes
# several times as long, does not compile toml++, and does not support vector extensions.
function(ridgeline_host_only)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  if(RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS --host-only)
  endif()
endfunction()

# The sources of src/ and miniapp/ that use no header of Kokkos, themselves or through others;
# tests/structure checks the list.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/sources_without_kokkos.txt" RIDGELINE_SOURCES_WITHOUT_KOKKOS)

# Sets options that individual sources need in addition to ridgeline_compile_options().
function(ridgeline_source_options)
  foreach(source IN LISTS ARGN)
    if(NOT source MATCHES "\\.cpp$")
      continue()
    endif()
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE name)
    if(name IN_LIST RIDGELINE_SOURCES_WITHOUT_KOKKOS)
      ridgeline_host_only("${source}")
    endif()
    # Probes that read vectors keep the check of alignment (RidgelineCompileOptions.cmake).
    if(name MATCHES "^src/machine/host_" AND RIDGELINE_SANITIZE MATCHES "address")
      set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -fsanitize=alignment)
    endif()
    # This source checks the CPU before any other code runs, so it must run on any CPU. The last
    # -march= takes effect.
    if(source MATCHES "/isa_baseline\\.cpp$" AND RIDGELINE_ISA
       AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
      set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS -march=x86-64)
    endif()
  endforeach()
endfunction()

# Compiles sources of one target together, in groups named NAME, because each source parses and
# instantiates the same templates of Kokkos and JSON, which takes longer than its own code. nvcc
# parses Kokkos's headers four times per source. Local names of the sources must differ.
function(ridgeline_compile_together target name)
  if(NOT RIDGELINE_COMPILE_TOGETHER)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # GCC takes a source that is included for a header, whose types should not be local to a file.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR RIDGELINE_KOKKOS_COMPILER MATCHES "nvcc_wrapper")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  set(count_with_kokkos 0)
  set(count_without 0)
  foreach(source IN LISTS ARGN)
    get_source_file_property(host_only "${source}" SKIP_PRECOMPILE_HEADERS)
    get_source_file_property(own_options "${source}" COMPILE_OPTIONS)
    if(own_options)
      continue()
    endif()
    if(host_only)
      set(kind without)
    else()
      set(kind with_kokkos)
    endif()
    math(EXPR group "${count_${kind}} / 6")
    math(EXPR count_${kind} "${count_${kind}} + 1")
    set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${name}_${kind}_${group}")
  endforeach()
endfunction()
