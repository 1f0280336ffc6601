# The package that find_package(ridgeline) finds.

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ridgeline")

install(TARGETS ridgeline EXPORT ridgeline ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/ridgeline"
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT ridgeline NAMESPACE ridgeline:: FILE ridgelineTargets.cmake
  DESTINATION "${package_dir}")

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/ridgelineConfig.cmake.in" "${PROJECT_BINARY_DIR}/ridgelineConfig.cmake"
  INSTALL_DESTINATION "${package_dir}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ridgelineConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/ridgelineConfig.cmake" "${PROJECT_BINARY_DIR}/ridgelineConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/FindxxHash.cmake" "${CMAKE_CURRENT_LIST_DIR}/FindHwloc.cmake"
  DESTINATION "${package_dir}")
