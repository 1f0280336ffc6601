#!/usr/bin/env bash
# Installs only the Debian packages that are missing; quick if all are installed.
#
#   jobs/dependencies.sh [cuda] [data] [lint] [fuzz] [mpi] [browser] [docs]
# Always installs what a build with tests needs; `cuda` requires the CUDA toolkit, which it does not install;
# `data` tries to install Fashion-MNIST and the fortunes, which are optional; `lint` is for checking the
# format, `fuzz` for fuzzing with Clang, `mpi` for training on several processes, `browser` for the test that opens a report in Chromium, `docs` for
# the documentation as a site and the tests of the notebook and the manual page. If it cannot install (no Debian,
# no root, no sudo), it names what the build would not find.
#
# Tested on Debian 12. Ubuntu 24.04 and 22.04 have packages of the same names (component universe), except
# chromium-driver, and are expected to work, untried; docs/index.md describes the differences.
set -euo pipefail

# What is checked for (a command, a package for CMake's find_package, or a module of Python) and Debian's
# name. Fortran: Kokkos Kernels compiles a few lines of it to find out how BLAS mangles its names.
commands=(c++:g++ gfortran:gfortran cmake:cmake ninja:ninja-build)
libraries=(HDF5:libhdf5-dev ZLIB:zlib1g-dev xxHash:libxxhash-dev Hwloc:libhwloc-dev fmt:libfmt-dev nlohmann_json:nlohmann-json3-dev
  tomlplusplus:libtomlplusplus-dev CLI11:libcli11-dev pugixml:libpugixml-dev Boost:libboost-dev BLAS:libopenblas-openmp-dev
  GTest:libgtest-dev)
modules=(h5py:python3-h5py) # a test reads checkpoints with it, and is skipped without
debian=(ca-certificates) # for Kokkos's release from GitHub
# The pictures of `ridgeline report`; without them its page has tables alone.
optional=(libplplot-dev plplot-driver-cairo)

fail() {
  echo "dependencies.sh: $*" >&2
  exit 1
}

for argument; do
  case $argument in
    cuda)
      root=${CUDAToolkit_ROOT:-${CUDA_HOME:-${CUDA_ROOT:-/usr/local/cuda}}}
      command -v nvcc >/dev/null || [[ -x $root/bin/nvcc ]] ||
        fail "CUDA needs NVIDIA's toolkit: there is no nvcc on PATH nor in $root/bin" \
          "(set CUDAToolkit_ROOT)"
      ;;
    data) optional+=(dataset-fashion-mnist fortunes) ;;
    lint) commands+=(clang-format:clang-format clang-tidy:clang-tidy shellcheck:shellcheck) ;;
    fuzz) commands+=(clang++:clang) ;;
    mpi) optional+=(libopenmpi-dev openmpi-bin) ;;
    browser) optional+=(chromium-driver python3-selenium) ;;
    docs) optional+=(mkdocs mkdocs-material python3-nbclient python3-ipykernel groff-base) ;;
    *) fail "$argument: only cuda, data, lint, fuzz, mpi, browser and docs are possible" ;;
  esac
done

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed* ]]; }

missing_programs() {
  for pair in "${commands[@]}"; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done
}

# Modules that neither of the Pythons that the build checks has.
for pair in "${modules[@]}"; do
  python3 -c "import ${pair%%:*}" 2>/dev/null || /usr/bin/python3 -c "import ${pair%%:*}" \
    2>/dev/null || optional+=("${pair##*:}")
done

# Searches in the same way as the build, so that modules, Spack and CMAKE_PREFIX_PATH are considered.
missing_libraries() {
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  {
    echo "cmake_minimum_required(VERSION 3.22)"
    echo "project(probe C CXX)"
    echo "list(APPEND CMAKE_MODULE_PATH \"$(realpath "$(dirname "${BASH_SOURCE[0]}")/../cmake")\")"
    for pair in "${libraries[@]}"; do
      echo "find_package(${pair%%:*} QUIET)"
      echo "if(NOT ${pair%%:*}_FOUND)"
      echo "  message(STATUS \"missing ${pair##*:}\")"
      echo "endif()"
    done
  } >"$folder/CMakeLists.txt"
  cmake -G Ninja -S "$folder" -B "$folder/build" >"$folder/log" 2>&1 ||
    fail "CMake cannot look for libraries: $(grep -m 1 -A 3 Error "$folder/log" | tr -s '\n ' ' ')"
  sed -n 's/^-- missing //p' "$folder/log"
}

# Everything that apt prints.
log=$(realpath -m -- "$(dirname -- "${BASH_SOURCE[0]}")/../build/dependencies.log")
{ mkdir -p -- "$(dirname -- "$log")" && : >"$log"; } 2>/dev/null || log=/dev/null

# Installs packages, or prints on standard output why not.
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=120
  -o Acquire::http::Timeout=10 -o Acquire::Retries=2)
((EUID == 0)) || apt=(sudo "${apt[@]}")
install() {
  local output
  echo "installing $* (log: $log)" >&2
  if ! output=$("${apt[@]}" install --no-install-recommends "$@" </dev/null 2>&1 | tee -a "$log"); then
    grep -m 1 '^E:' <<<"$output" || tail -n 1 <<<"$output"
    return 1
  fi
}

mapfile -t missing < <(missing_programs)
why="only root, or sudo, on Debian installs packages here"
if command -v dpkg-query >/dev/null; then
  for package in "${debian[@]}" "${libraries[@]##*:}"; do
    installed "$package" || missing+=("$package")
  done
  for i in "${!optional[@]}"; do
    if installed "${optional[i]}"; then unset "optional[i]"; fi
  done
  if ((${#missing[@]} + ${#optional[@]} > 0)) &&
    { ((EUID == 0)) || command -v sudo >/dev/null; }; then
    "${apt[@]}" update </dev/null >>"$log" 2>&1 || true # an old list may suffice
    if ((${#missing[@]} > 0)) && why=$(install "${missing[@]}"); then missing=(); fi
    for package in "${optional[@]}"; do
      reason=$(install "$package") || echo "no $package: $reason" >&2
    done
  fi
  if ((${#missing[@]} == 0)); then exit 0; fi
  mapfile -t missing < <(missing_programs)
fi

if ((${#missing[@]} == 0)); then
  list=$(missing_libraries)
  [[ -z $list ]] || mapfile -t missing <<<"$list"
fi
((${#missing[@]} == 0)) || fail "missing (Debian's names): ${missing[*]} ($why)"
