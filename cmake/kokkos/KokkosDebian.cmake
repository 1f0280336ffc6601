# Debian 12's source package of Trilinos, which carries Kokkos and Kokkos Kernels 3.4.01. Its
# archive is fetched by apt, which also checks Debian's signature, with a package list of our own:
# the system's sources are neither read nor changed.

set(RIDGELINE_TRILINOS_VERSION 13.2.0)

# Leaves the sources in FOLDER/kokkos and FOLDER/kokkos-kernels.
function(ridgeline_fetch_debian folder found_variable reason_variable)
  set(${found_variable} FALSE PARENT_SCOPE)
  set(keyring /usr/share/keyrings/debian-archive-keyring.gpg)
  find_program(apt_get apt-get NO_CACHE)
  if(NOT apt_get OR NOT EXISTS "${keyring}")
    set(${reason_variable} "apt-get with Debian's keyring is needed" PARENT_SCOPE)
    return()
  endif()

  set(apt "${RIDGELINE_DEPS_DIR}/apt")
  file(REMOVE_RECURSE "${apt}")
  file(MAKE_DIRECTORY "${apt}/lists/partial" "${apt}/cache/archives/partial")
  # The release is named, because later ones carry other versions, or no Kokkos.
  file(WRITE "${apt}/sources.list"
    "deb-src [signed-by=${keyring}] http://deb.debian.org/debian bookworm main\n")
  set(options
    -o "Dir::Etc::SourceList=${apt}/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=${apt}/lists" -o "Dir::Cache=${apt}/cache"
    # apt's own user cannot write below a private home folder.
    -o APT::Sandbox::User=root -o Acquire::Retries=3)
  message(STATUS "Fetching Debian's source package trilinos ${RIDGELINE_TRILINOS_VERSION}")
  execute_process(
    COMMAND "${apt_get}" ${options} -qq update
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0)
    execute_process(
      COMMAND "${apt_get}" ${options} -qq source --download-only trilinos
      WORKING_DIRECTORY "${apt}"
      RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  endif()
  set(archive "${apt}/trilinos_${RIDGELINE_TRILINOS_VERSION}.orig.tar.gz")
  if(NOT status EQUAL 0 OR NOT EXISTS "${archive}")
    string(STRIP "${output}" output)
    set(${reason_variable} "apt-get source trilinos failed: ${output}" PARENT_SCOPE)
    return()
  endif()

  file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${apt}/unpacked"
    PATTERNS "*/packages/kokkos" "*/packages/kokkos-kernels")
  file(GLOB packages "${apt}/unpacked/*/packages")
  file(MAKE_DIRECTORY "${folder}")
  foreach(package kokkos kokkos-kernels)
    file(RENAME "${packages}/${package}" "${folder}/${package}")
  endforeach()
  ridgeline_port_to_cuda_13("${folder}/kokkos")
  ridgeline_add_newer_gpus("${folder}/kokkos")
  file(REMOVE_RECURSE "${apt}")
  set(${found_variable} TRUE PARENT_SCOPE)
endfunction()

# Kokkos 3.4 is older than CUDA 13, whose names and signatures differ in three places.
function(ridgeline_port_to_cuda_13 kokkos)
  set(half "${kokkos}/core/src/Cuda/Kokkos_Cuda_Half.hpp")
  # __half2double is gone, and the other conversions no longer take Kokkos's half_t by themselves.
  ridgeline_replace("${half}" "__half2double(val)" "__half2float(half_t::impl_type(val))")
  foreach(conversion float short_rz ushort_rz int_rz uint_rz ll_rz ull_rz)
    ridgeline_replace("${half}"
      "__half2${conversion}(val)" "__half2${conversion}(half_t::impl_type(val))")
  endforeach()
  # A prefetch's target is a struct with flags behind it, no longer a device's number.
  set(space "${kokkos}/core/src/Cuda/Kokkos_CudaSpace.cpp")
  ridgeline_replace("${space}"
    "cudaMemPrefetchAsync(ptr, bytes, space.cuda_device(),"
    "cudaMemPrefetchAsync(ptr, bytes, RIDGELINE_PREFETCH_TO(space.cuda_device()),")
  file(READ "${space}" text)
  string(CONCAT target
    "#include <cuda_runtime.h>\n"
    "#if CUDART_VERSION >= 13000\n"
    "#define RIDGELINE_PREFETCH_TO(device) cudaMemLocation{cudaMemLocationTypeDevice, device}, 0\n"
    "#else\n"
    "#define RIDGELINE_PREFETCH_TO(device) device\n"
    "#endif\n")
  file(WRITE "${space}" "${target}${text}")
endfunction()

# GPUs since Kokkos 3.4, under the names that Kokkos 4.7 has for them; and any newer than the one
# compiled for compiles the PTX when the program starts, which Kokkos 3.4 took for an error.
function(ridgeline_add_newer_gpus kokkos)
  set(architectures "${kokkos}/cmake/kokkos_arch.cmake")
  set(options "")
  set(checks "")
  foreach(name AMPERE87 ADA89 HOPPER90 BLACKWELL100 BLACKWELL120)
    string(REGEX MATCH "[0-9]+" number ${name})
    string(APPEND options "KOKKOS_ARCH_OPTION(${name} GPU \"NVIDIA compute capability ${number}\")\n")
    string(APPEND checks "CHECK_CUDA_ARCH(${name} sm_${number})\n")
  endforeach()
  ridgeline_replace("${architectures}"
    "KOKKOS_ARCH_OPTION(AMPERE86 " "${options}KOKKOS_ARCH_OPTION(AMPERE86 ")
  ridgeline_replace("${architectures}" "CHECK_CUDA_ARCH(AMPERE86 " "${checks}CHECK_CUDA_ARCH(AMPERE86 ")
  # The shared memory that is left where most of the cache is L1; it throws for a GPU that it does not know.
  set(sizes "${kokkos}/core/src/Cuda/Kokkos_Cuda_BlockSize_Deduction.hpp")
  ridgeline_replace("${sizes}" "case 86: return 8;" "case 86:
      case 87:
      case 89:
      case 90:
      case 100:
      case 120: return 8;")
  ridgeline_replace("${kokkos}/core/src/Cuda/Kokkos_Cuda_Instance.cpp"
    "(compiled_major != cudaProp.major || compiled_minor > cudaProp.minor)"
    "(100 * compiled_major + compiled_minor > 100 * cudaProp.major + cudaProp.minor)")
endfunction()

# Replaces OLD by NEW in FILE; that OLD is not there means that the file is not the one we know.
function(ridgeline_replace file old new)
  file(READ "${file}" text)
  string(FIND "${text}" "${old}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "${file}: expected to find \"${old}\"")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  file(WRITE "${file}" "${text}")
endfunction()
