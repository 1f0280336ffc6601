# Every public header must compile alone: each has a source of one line, compiled without the
# precompiled header, which would hide missing includes. Not part of `all`, so that
# only the tests pay for it.
#
# Skipped under CUDA, where nvcc takes ten times as long and the headers are the same.
if(RIDGELINE_ENABLE_CUDA)
  return()
endif()

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/src"
  "${PROJECT_SOURCE_DIR}/src/*.hpp")
set(sources "")
foreach(header IN LISTS headers)
  string(REPLACE "/" "__" name "${header}")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${header}\"  // IWYU pragma: keep\n")
  list(APPEND sources "${source}")
endforeach()

add_library(ridgeline_headers OBJECT EXCLUDE_FROM_ALL ${sources})
# Private headers of the library include its private dependencies, HDF5 and toml++.
target_link_libraries(ridgeline_headers PRIVATE ridgeline::ridgeline hdf5::hdf5)
target_include_directories(ridgeline_headers SYSTEM PRIVATE
  "$<TARGET_PROPERTY:tomlplusplus::tomlplusplus,INTERFACE_INCLUDE_DIRECTORIES>")
ridgeline_compile_options(ridgeline_headers)
target_compile_options(ridgeline_headers PRIVATE -O0 -g0 -Werror)

add_test(NAME headers COMMAND "${CMAKE_COMMAND}" --build "${PROJECT_BINARY_DIR}"
  --target ridgeline_headers)
set_tests_properties(headers PROPERTIES LABELS "package" RUN_SERIAL ON TIMEOUT 900)
