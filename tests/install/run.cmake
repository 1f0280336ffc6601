# Installs Ridgeline, moves the installation, and uses it as an external project would: the library from a
# separate project, the program on an installed deck, a job. None of the installed files may refer to the
# build or to the Kokkos that was built for it.
#   BUILD_DIR  DEPS_DIR  SOURCE_DIR (this folder)  CXX  GENERATOR  LIBDIR
#   KOKKOS_PREFIX   where Kokkos was built; empty if it was installed before

set(work "${BUILD_DIR}/install-test")
set(prefix "${work}/moved")
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Fails if FILE names the build, except this test's own folder, or the Kokkos that was built there.
function(refuse_build_paths file text)
  string(REPLACE "${work}" "" text "${text}")
  foreach(folder IN ITEMS "${BUILD_DIR}" "${DEPS_DIR}")
    string(FIND "${text}" "${folder}" position)
    if(NOT position EQUAL -1)
      message(SEND_ERROR "${file} names ${folder}")
    endif()
  endforeach()
endfunction()

run("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${work}/prefix")
file(RENAME "${work}/prefix" "${prefix}")
file(GLOB_RECURSE files "${prefix}/*.cmake" "${prefix}/share/*.sh" "${prefix}/share/*.slurm")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  refuse_build_paths("${file}" "${text}")
endforeach()
find_program(READELF readelf)
if(READELF)
  execute_process(COMMAND "${READELF}" --dynamic "${prefix}/bin/ridgeline" OUTPUT_VARIABLE text
    COMMAND_ERROR_IS_FATAL ANY)
  refuse_build_paths("${prefix}/bin/ridgeline" "${text}")
endif()

# In a CUDA build the compiler is the installed wrapper of the Kokkos that was built.
if(KOKKOS_PREFIX)
  string(REPLACE "${KOKKOS_PREFIX}" "${prefix}/${LIBDIR}/ridgeline/kokkos" CXX "${CXX}")
endif()
run("${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${work}/build" -G "${GENERATOR}"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
foreach(file IN ITEMS CMakeCache.txt compile_commands.json)
  file(READ "${work}/build/${file}" text)
  refuse_build_paths("${work}/build/${file}" "${text}")
endforeach()
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${work}/build/stranger")

# An external layer, in the command with all of its verbs.
run("${CMAKE_COMMAND}" -S "${prefix}/share/ridgeline/docs/examples/gated_residual"
  -B "${work}/gated" -G "${GENERATOR}" "-DCMAKE_PREFIX_PATH=${prefix}"
  "-DCMAKE_CXX_COMPILER=${CXX}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON)
file(READ "${work}/gated/compile_commands.json" text)
if(NOT text MATCHES " -O3 ")
  message(FATAL_ERROR "the example is not optimised: ${text}")
endif()
run("${CMAKE_COMMAND}" --build "${work}/gated")
run("${work}/gated/gated" train "${prefix}/share/ridgeline/docs/examples/gated_residual/gated.toml"
  --space serial --output "${work}/gated-results")

set(share "${prefix}/share/ridgeline")
foreach(file IN ITEMS README.md docs/architecture.md inputs/fashion_mlp.toml inputs/machines/README.md
    inputs/machines/h100-sxm.json jobs/train_openmp.slurm packaging/reframe/ridgeline_checks.py
    docs/examples/kernel_times/kernel_times.c CITATION.cff)
  if(NOT EXISTS "${share}/${file}")
    message(SEND_ERROR "${share}/${file} is not installed")
  endif()
endforeach()
foreach(file IN ITEMS man/man1/ridgeline.1 bash-completion/completions/ridgeline)
  if(NOT EXISTS "${prefix}/share/${file}")
    message(SEND_ERROR "share/${file} is not installed")
  endif()
endforeach()
# The data of this deck are installed with it.
run("${prefix}/bin/ridgeline" train "${share}/inputs/regression_tabular.toml" --space serial
  --output "${work}/results")
run("${share}/jobs/workstation.sh" --help)
execute_process(COMMAND "${share}/jobs/workstation.sh" --space serial --deck "${work}/none.toml"
  WORKING_DIRECTORY "${work}" RESULT_VARIABLE status ERROR_VARIABLE text)
if(NOT status EQUAL 2 OR NOT text MATCHES "none.toml: no such file")
  message(SEND_ERROR "workstation.sh: status ${status}: ${text}")
endif()
