# cmake -DSOURCE_DIR=… -DBUILD_INFO=… -P: writes BUILD_INFO from BUILD_INFO.in with the current git
# commit. An up-to-date file is not touched, so that nothing is recompiled.

set(RIDGELINE_GIT_COMMIT "unknown")
# Checked here, because an archive unpacked inside another repository is not part of that
# repository.
if(EXISTS "${SOURCE_DIR}/.git")
  execute_process(
    COMMAND git describe --always --dirty --abbrev=12 --exclude=*
    WORKING_DIRECTORY "${SOURCE_DIR}"
    RESULT_VARIABLE status OUTPUT_VARIABLE commit ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(status EQUAL 0)
    set(RIDGELINE_GIT_COMMIT "${commit}")
  endif()
endif()
configure_file("${BUILD_INFO}.in" "${BUILD_INFO}" @ONLY)
