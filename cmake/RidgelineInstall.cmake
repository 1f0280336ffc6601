# Contents of a prefix of `cmake --install`, which is relocatable:
#   bin/ridgeline
#   lib/, include/ridgeline/, lib/cmake/ridgeline/   the package that find_package(ridgeline) finds
#   lib/ridgeline/kokkos/                            the Kokkos that was built here, if it was
#   share/ridgeline/                                 README, docs, inputs, jobs and packaging, as in
#                                                    a clone
#   share/man/man1/, share/bash-completion/          what the program prints about itself

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ridgeline")

install(TARGETS ridgeline ridgeline_command ridgeline_kernel_options EXPORT ridgeline
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/miniapp/command.hpp"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/ridgeline")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/ridgeline"
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT ridgeline NAMESPACE ridgeline:: FILE ridgelineTargets.cmake
  DESTINATION "${package_dir}")

# The library requires the Kokkos that it was built with, since types differ between builds. A
# Kokkos built here is installed too, in a separate folder, so that it does not replace another
# Kokkos in the prefix.
set(ridgeline_kokkos_dir "${Kokkos_DIR}")
set(ridgeline_kokkos_kernels_dir "${KokkosKernels_DIR}")
if(RIDGELINE_KOKKOS_PREFIX)
  set(kokkos "${CMAKE_INSTALL_LIBDIR}/ridgeline/kokkos")
  install(DIRECTORY "${RIDGELINE_KOKKOS_PREFIX}/" DESTINATION "${kokkos}" USE_SOURCE_PERMISSIONS
    PATTERN "complete" EXCLUDE)
  foreach(variable ridgeline_kokkos_dir ridgeline_kokkos_kernels_dir)
    cmake_path(RELATIVE_PATH ${variable} BASE_DIRECTORY "${RIDGELINE_KOKKOS_PREFIX}")
    set(${variable} "${kokkos}/${${variable}}")
  endforeach()
  # Two files of its package contain the path of the build folder.
  configure_file("${CMAKE_CURRENT_LIST_DIR}/RelocateKokkos.cmake.in"
    "${PROJECT_BINARY_DIR}/RelocateKokkos.cmake" @ONLY)
  install(SCRIPT "${PROJECT_BINARY_DIR}/RelocateKokkos.cmake")
endif()

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/ridgelineConfig.cmake.in" "${PROJECT_BINARY_DIR}/ridgelineConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  PATH_VARS ridgeline_kokkos_dir ridgeline_kokkos_kernels_dir
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ridgelineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/ridgelineConfig.cmake" "${PROJECT_BINARY_DIR}/ridgelineConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindxxHash.cmake" "${CMAKE_CURRENT_LIST_DIR}/FindHwloc.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindPLplot.cmake"
  DESTINATION "${package_dir}")

set(share "${CMAKE_INSTALL_DATADIR}/ridgeline")
install(FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/LICENSE"
  "${PROJECT_SOURCE_DIR}/CITATION.cff" DESTINATION "${share}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs" DESTINATION "${share}"
  FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.json" PATTERN "*.ipynb"
  PATTERN "examples/*/*")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/inputs" DESTINATION "${share}"
  FILES_MATCHING PATTERN "*.toml" PATTERN "*.h5" PATTERN "*.json" PATTERN "README.md")
# The job that installs build dependencies is not installed.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/jobs" DESTINATION "${share}" USE_SOURCE_PERMISSIONS
  FILES_MATCHING PATTERN "*.sh" PATTERN "*.slurm" PATTERN "*.py" PATTERN "README.md"
  PATTERN "dependencies.sh" EXCLUDE PATTERN "__pycache__" EXCLUDE)
# The checks run the installed decks.
install(DIRECTORY "${PROJECT_SOURCE_DIR}/packaging" DESTINATION "${share}"
  FILES_MATCHING PATTERN "*.py" PATTERN "*.def" PATTERN "__pycache__" EXCLUDE)

# The manual page and the completion for bash, which the program writes before they are installed. A
# program that cannot run on this processor is installed without them.
set(generated "${PROJECT_BINARY_DIR}/generated_help")
if(NOT CMAKE_CROSSCOMPILING)
  install(CODE "set(generated \"${generated}\")")
  install(CODE [[
    file(REMOVE_RECURSE "${generated}")
    file(MAKE_DIRECTORY "${generated}/completions")
    execute_process(COMMAND "$<TARGET_FILE:ridgeline_miniapp>" --man
      OUTPUT_FILE "${generated}/ridgeline.1" RESULT_VARIABLE status)
    if(status EQUAL 0)
      execute_process(COMMAND "$<TARGET_FILE:ridgeline_miniapp>" --completion bash
        OUTPUT_FILE "${generated}/completions/ridgeline" RESULT_VARIABLE status)
    endif()
    if(NOT status EQUAL 0)
      message(WARNING "No manual page and no completion are installed: ridgeline ends with ${status}")
      file(REMOVE_RECURSE "${generated}")
    endif()
  ]])
  install(FILES "${generated}/ridgeline.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
  install(FILES "${generated}/completions/ridgeline"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" OPTIONAL)
endif()
