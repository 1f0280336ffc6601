# cmake -DSOURCE_DIR=… -DBUILD_INFO=… -P: writes BUILD_INFO from BUILD_INFO.in with the git commit of
# now, and leaves it alone where that is what it says, so that nothing is recompiled.

set(RIDGELINE_GIT_COMMIT "unknown")
# Asked for here, because an archive unpacked inside somebody's repository is not that repository.
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
