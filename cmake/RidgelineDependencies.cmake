# The libraries that Ridgeline links, found after project().

set(CMAKE_CXX_STANDARD 17 CACHE STRING "C++ standard: 17, or 20 for Kokkos 5")
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)  # nvcc_wrapper does not support GNU standards

find_package(Kokkos CONFIG REQUIRED)
find_package(KokkosKernels CONFIG REQUIRED)
find_package(HDF5 1.10.6 REQUIRED COMPONENTS C)  # H5Smodify_select
find_package(ZLIB REQUIRED)
find_package(xxHash REQUIRED)
find_package(Hwloc 2.1 REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(Boost 1.66 REQUIRED)  # Boost.Math, headers alone
find_package(pugixml CONFIG REQUIRED)
if(RIDGELINE_ENABLE_MPI)
  find_package(MPI REQUIRED COMPONENTS C)
endif()
if(RIDGELINE_PLPLOT)
  find_package(PLplot)  # optional: the pictures of `ridgeline report`
endif()
