# Finds hwloc, whose Debian package has no CMake configuration file. Defines Hwloc::hwloc and
# Hwloc_VERSION, its API version: 2.8 for release 2.8.x.

find_path(Hwloc_INCLUDE_DIR hwloc.h)
find_library(Hwloc_LIBRARY hwloc)
mark_as_advanced(Hwloc_INCLUDE_DIR Hwloc_LIBRARY)

# HWLOC_API_VERSION is 0x00020800 in release 2.8.
unset(Hwloc_VERSION)
if(Hwloc_INCLUDE_DIR)
  file(STRINGS "${Hwloc_INCLUDE_DIR}/hwloc.h" line REGEX "^#define HWLOC_API_VERSION 0x")
  if(line MATCHES "(0x[0-9a-fA-F]+)")
    math(EXPR major "${CMAKE_MATCH_1} >> 16")
    math(EXPR minor "(${CMAKE_MATCH_1} >> 8) & 255")
    set(Hwloc_VERSION "${major}.${minor}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Hwloc REQUIRED_VARS Hwloc_LIBRARY Hwloc_INCLUDE_DIR
  VERSION_VAR Hwloc_VERSION)

if(Hwloc_FOUND AND NOT TARGET Hwloc::hwloc)
  add_library(Hwloc::hwloc UNKNOWN IMPORTED)
  set_target_properties(Hwloc::hwloc PROPERTIES
    IMPORTED_LOCATION "${Hwloc_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Hwloc_INCLUDE_DIR}")
endif()
