# Finds PLplot's C library, which draws the pictures of `ridgeline report`: target PLplot::plplot.
# PLplot's own configuration needs the libraries of all of its drivers.
find_path(PLplot_INCLUDE_DIR plplot/plplot.h)
find_library(PLplot_LIBRARY plplot)
mark_as_advanced(PLplot_INCLUDE_DIR PLplot_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(PLplot REQUIRED_VARS PLplot_LIBRARY PLplot_INCLUDE_DIR)

# Whether its drivers are files of their own, whose folder may be missing.
if(PLplot_FOUND)
  include(CheckLibraryExists)
  check_library_exists("${PLplot_LIBRARY}" plGetDrvDir "" PLplot_HAS_DRIVER_FOLDER)
endif()

if(PLplot_FOUND AND NOT TARGET PLplot::plplot)
  add_library(PLplot::plplot UNKNOWN IMPORTED)
  set_target_properties(PLplot::plplot PROPERTIES
    IMPORTED_LOCATION "${PLplot_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PLplot_INCLUDE_DIR}")
  if(PLplot_HAS_DRIVER_FOLDER)
    set_property(TARGET PLplot::plplot PROPERTY INTERFACE_COMPILE_DEFINITIONS
      RIDGELINE_PLPLOT_HAS_DRIVERS)
  endif()
endif()
