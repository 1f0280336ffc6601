#!/usr/bin/env bash
# Installs what is missing, builds with tests, and runs them; the last lines are ctest's summary.
set -euo pipefail

fail() {
  echo "run.sh: $*" >&2
  exit 2
}

preset=openmp
while (($# > 0)); do
  case $1 in
    --space)
      case ${2:-} in
        openmp | cuda | serial) preset=$2 ;;
        *) fail "--space needs openmp, cuda or serial" ;;
      esac
      shift
      ;;
    --help | -h)
      echo "Usage: tests/run.sh [--space openmp|cuda|serial]      (default: openmp)"
      echo "Example: tests/run.sh --space cuda"
      exit
      ;;
    *) fail "$1: no such option; see --help" ;;
  esac
  shift
done

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

if [[ $preset == cuda ]]; then jobs/dependencies.sh cuda; else jobs/dependencies.sh; fi
cmake --preset "$preset" -DRIDGELINE_BUILD_TESTS=ON
cmake --build --preset "$preset"
ctest --preset "$preset"
