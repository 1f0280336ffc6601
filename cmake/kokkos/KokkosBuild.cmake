# Builds Kokkos and Kokkos Kernels from sources that KokkosUpstream or KokkosDebian fetched, once a
# configuration, into RIDGELINE_DEPS_DIR/NAME, which all presets that need that configuration share.

# Raise when the recipe below changes, so that existing builds are not taken for current ones.
set(RIDGELINE_KOKKOS_RECIPE 2)
set(RIDGELINE_VERSION_upstream ${RIDGELINE_UPSTREAM_VERSION})
set(RIDGELINE_VERSION_debian 3.4.01)
set(RIDGELINE_ORIGIN_upstream "upstream release ${RIDGELINE_UPSTREAM_VERSION}")
set(RIDGELINE_ORIGIN_debian "Debian source package trilinos ${RIDGELINE_TRILINOS_VERSION}")

function(ridgeline_built_kokkos source found_variable reason_variable)
  set(${found_variable} FALSE PARENT_SCOPE)
  set(version ${RIDGELINE_VERSION_${source}})
  ridgeline_kokkos_name(${version} name)
  set(prefix "${RIDGELINE_DEPS_DIR}/${name}")

  if(NOT EXISTS "${prefix}/complete")
    file(MAKE_DIRECTORY "${RIDGELINE_DEPS_DIR}")
    # Two presets configured at once must not build in the same folder. The lock ends with the
    # process that holds it, so an interrupted configure leaves none behind.
    file(LOCK "${RIDGELINE_DEPS_DIR}" DIRECTORY GUARD FUNCTION TIMEOUT 0 RESULT_VARIABLE busy)
    if(busy)
      message(STATUS "Waiting for another configure that builds in ${RIDGELINE_DEPS_DIR}")
      file(LOCK "${RIDGELINE_DEPS_DIR}" DIRECTORY GUARD FUNCTION TIMEOUT 3600
        RESULT_VARIABLE failed)
      if(failed)  # some network file systems have no locks
        message(WARNING "Building in ${RIDGELINE_DEPS_DIR} without a lock: ${failed}")
      endif()
    endif()
  endif()
  # Checked again: the previous holder of the lock may have built it.
  if(NOT EXISTS "${prefix}/complete")
    set(sources "${RIDGELINE_DEPS_DIR}/${source}-${version}-${RIDGELINE_KOKKOS_RECIPE}")
    if(NOT EXISTS "${sources}/complete")
      file(REMOVE_RECURSE "${sources}")
      cmake_language(CALL ridgeline_fetch_${source} "${sources}" fetched reason)
      if(NOT fetched)
        set(${reason_variable} "${reason}" PARENT_SCOPE)
        return()
      endif()
      file(TOUCH "${sources}/complete")
    endif()
    ridgeline_build_kokkos("${sources}" "${prefix}" ${version})
  endif()

  file(GLOB_RECURSE kokkos "${prefix}/lib*/KokkosConfig.cmake")
  file(GLOB_RECURSE kernels "${prefix}/lib*/KokkosKernelsConfig.cmake")
  cmake_path(GET kokkos PARENT_PATH kokkos)
  cmake_path(GET kernels PARENT_PATH kernels)
  set(Kokkos_DIR "${kokkos}" CACHE PATH "" FORCE)
  set(KokkosKernels_DIR "${kernels}" CACHE PATH "" FORCE)
  set(RIDGELINE_KOKKOS_ORIGIN "${RIDGELINE_ORIGIN_${source}}" CACHE INTERNAL "")
  set(RIDGELINE_KOKKOS_PREFIX "${prefix}" CACHE INTERNAL "")
  set(RIDGELINE_KOKKOS_COMPILER "" CACHE INTERNAL "")
  if(RIDGELINE_ENABLE_CUDA)
    set(RIDGELINE_KOKKOS_COMPILER "${prefix}/bin/nvcc_wrapper" CACHE INTERNAL "")
  endif()
  set(${found_variable} TRUE PARENT_SCOPE)
endfunction()

# A name for a configuration, such as kokkos-3.4.01-serial-openmp-cuda80-1a2b3c. Its end stands for
# the compilers, since libraries of two compilers do not mix.
function(ridgeline_kokkos_name version name_variable)
  execute_process(COMMAND "${RIDGELINE_HOST_CXX}" --version OUTPUT_VARIABLE compilers)
  string(APPEND compilers "${RIDGELINE_KOKKOS_RECIPE} ${RIDGELINE_HOST_CXX}")
  set(devices "${ridgeline_devices}")
  if(RIDGELINE_ENABLE_CUDA)
    execute_process(COMMAND "${RIDGELINE_NVCC}" --version OUTPUT_VARIABLE nvcc)
    string(APPEND compilers "${nvcc} ${RIDGELINE_NVCC}")
    ridgeline_cuda_arch(arch arch_option)
    list(TRANSFORM devices REPLACE "CUDA" "CUDA${arch}")
  endif()
  list(JOIN devices "-" devices)
  string(TOLOWER "${devices}" devices)
  string(SHA1 hash "${compilers}")
  string(SUBSTRING "${hash}" 0 6 hash)
  set(${name_variable} "kokkos-${version}-${devices}-${hash}" PARENT_SCOPE)
endfunction()

# The compute capability to build for, and Kokkos's option for it. PTX goes with it, which GPUs
# newer than that compile when a program starts.
function(ridgeline_cuda_arch arch_variable option_variable)
  set(arch "${RIDGELINE_CUDA_ARCH}")
  if(arch STREQUAL "")
    set(arch 80)
  endif()
  set(known 70 75 80 86 87 89 90 100 120)
  set(names VOLTA70 TURING75 AMPERE80 AMPERE86 AMPERE87 ADA89 HOPPER90 BLACKWELL100 BLACKWELL120)
  list(FIND known "${arch}" index)
  if(index EQUAL -1)
    list(JOIN known ", " known)
    message(FATAL_ERROR "RIDGELINE_CUDA_ARCH=${arch}: one of ${known} is possible.")
  endif()
  list(GET names ${index} name)
  set(${arch_variable} ${arch} PARENT_SCOPE)
  set(${option_variable} Kokkos_ARCH_${name} PARENT_SCOPE)
endfunction()

function(ridgeline_build_kokkos sources prefix version)
  cmake_path(GET prefix FILENAME name)
  set(build "${RIDGELINE_DEPS_DIR}/build-${name}")
  # What an interrupted build left may be anything: a fresh one takes about a minute.
  file(REMOVE_RECURSE "${prefix}" "${build}" "${build}.log")
  file(MAKE_DIRECTORY "${prefix}/bin")
  message(STATUS "Building Kokkos ${version} and Kokkos Kernels for ${ridgeline_devices}, once "
    "(log: ${build}.log)")

  # Baseline code: only Ridgeline itself is compiled for RIDGELINE_ISA.
  set(common -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_STANDARD=17 -DCMAKE_CXX_EXTENSIONS=OFF
    -DBUILD_SHARED_LIBS=OFF "-DCMAKE_INSTALL_PREFIX=${prefix}" -DCMAKE_INSTALL_LIBDIR=lib)
  set(kokkos_options -DKokkos_ENABLE_SERIAL=ON
    -DKokkos_ENABLE_OPENMP=${RIDGELINE_ENABLE_OPENMP} -DKokkos_ENABLE_CUDA=${RIDGELINE_ENABLE_CUDA})
  set(compiler "${RIDGELINE_HOST_CXX}")
  if(RIDGELINE_ENABLE_CUDA)
    ridgeline_cuda_arch(arch arch_option)
    list(APPEND kokkos_options -D${arch_option}=ON -DKokkos_ENABLE_CUDA_LAMBDA=ON
      -DKokkos_ENABLE_CUDA_CONSTEXPR=ON)
    set(compiler "${prefix}/bin/nvcc_wrapper")
    ridgeline_write_wrapper("${sources}/kokkos/bin/nvcc_wrapper" "${compiler}")
  endif()
  list(APPEND common "-DCMAKE_CXX_COMPILER=${compiler}")

  set(vendor "$ENV{BLA_VENDOR}")
  if(vendor STREQUAL "")
    set(vendor OpenBLAS)
  endif()
  # Ridgeline calls gemm alone, which forwards to the BLAS from the headers: nothing is instantiated
  # in the library for any device (in a CUDA build that would take twenty minutes).
  set(kernels_options "-DKokkos_DIR=${prefix}/lib/cmake/Kokkos"
    -DKokkosKernels_ADD_DEFAULT_ETI=OFF -DKokkosKernels_INST_EXECSPACE_CUDA=OFF
    -DKokkosKernels_INST_MEMSPACE_CUDASPACE=OFF -DKokkosKernels_INST_MEMSPACE_CUDAUVMSPACE=OFF
    -DKokkosKernels_INST_FLOAT=ON -DKokkosKernels_INST_DOUBLE=ON
    -DKokkosKernels_INST_LAYOUTLEFT=ON -DKokkosKernels_INST_LAYOUTRIGHT=ON
    -DKokkosKernels_ENABLE_TPL_BLAS=ON "-DBLA_VENDOR=${vendor}"
    -DKokkosKernels_ENABLE_TPL_CUBLAS=${RIDGELINE_ENABLE_CUDA}
    -DKokkosKernels_ENABLE_TPL_CUSPARSE=OFF)
  if(version VERSION_LESS 4)
    list(APPEND kernels_options -DKokkosKernels_ENABLED_COMPONENTS=BLAS)
  else()
    list(APPEND kernels_options -DKokkosKernels_ENABLE_ALL_COMPONENTS=OFF
      -DKokkosKernels_ENABLE_COMPONENT_BLAS=ON -DKokkosKernels_ENABLE_TPL_LAPACK=OFF
      -DKokkosKernels_ENABLE_TPL_CUSOLVER=OFF)
  endif()

  ridgeline_build_package(kokkos "${common};${kokkos_options}")
  if(RIDGELINE_ENABLE_CUDA)  # Kokkos has just installed its own over it
    ridgeline_write_wrapper("${sources}/kokkos/bin/nvcc_wrapper" "${compiler}")
  endif()
  ridgeline_build_package(kokkos-kernels "${common};${kernels_options}")
  file(REMOVE_RECURSE "${build}")
  file(TOUCH "${prefix}/complete")
endfunction()

# Part of ridgeline_build_kokkos: configures, builds and installs one package, into one log.
macro(ridgeline_build_package package options)
  find_program(ninja NAMES ninja ninja-build NO_CACHE)
  if(ninja)
    set(generator -G Ninja "-DCMAKE_MAKE_PROGRAM=${ninja}")
    set(parallel "")
  else()
    cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
    set(generator -G "Unix Makefiles")
    set(parallel --parallel ${cores})
  endif()
  foreach(step configure build)
    if(step STREQUAL "configure")
      set(command "${CMAKE_COMMAND}" -S "${sources}/${package}" -B "${build}/${package}"
        ${generator} ${options})
    else()
      set(command "${CMAKE_COMMAND}" --build "${build}/${package}" --target install ${parallel})
    endif()
    execute_process(COMMAND ${command}
      RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    file(APPEND "${build}.log" "${output}")
    if(NOT status EQUAL 0)
      string(LENGTH "${output}" length)
      if(length GREATER 3000)
        math(EXPR start "${length} - 3000")
        string(SUBSTRING "${output}" ${start} -1 output)
      endif()
      message(FATAL_ERROR "${package} did not ${step} (all of it in ${build}.log):\n${output}")
    endif()
  endforeach()
endmacro()

# nvcc_wrapper finds its compilers through environment variables or PATH: in our copy they are
# written down, so that a later build, or another project, calls the same ones.
function(ridgeline_write_wrapper from to)
  file(READ "${from}" text)
  string(REPLACE "NVCC_WRAPPER_DEFAULT_COMPILER:-\"g++\""
    "NVCC_WRAPPER_DEFAULT_COMPILER:-\"${RIDGELINE_HOST_CXX}\"" text "${text}")
  string(REPLACE "\nnvcc_compiler=nvcc\n" "\nnvcc_compiler=\"${RIDGELINE_NVCC}\"\n" text "${text}")
  string(REGEX REPLACE "\ndefault_arch=[^\n]*" "\ndefault_arch=\"sm_${arch}\"" text "${text}")
  file(WRITE "${to}" "${text}")
  file(CHMOD "${to}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
endfunction()
