#!/usr/bin/env bash
# Installs what is missing, builds with tests, and runs them; the last lines are ctest's summary.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: tests/run.sh [--space openmp|cuda|serial] [--soak]      (default: openmp)
       tests/run.sh --fuzz [SECONDS]
Builds Ridgeline with its tests and runs them.
  --soak  afterwards the tests of faults in full: 500 kills, 100 pairs of runs on one checkpoint,
          every bit of a checkpoint flipped, 10,000 damaged files per reader; and the threads that
          load batches and write checkpoints under the thread sanitizer; takes an hour
  --fuzz  instead fuzzes every reader of files with Clang's libFuzzer, a minute each (or SECONDS)
Example: tests/run.sh --space cuda
EOF
}

fail() {
  echo "run.sh: $*" >&2
  exit 2
}

preset=openmp soak='' fuzz=''
while (($# > 0)); do
  case $1 in
    --space)
      case ${2:-} in
        openmp | cuda | serial) preset=$2 ;;
        *) fail "--space needs openmp, cuda or serial" ;;
      esac
      shift
      ;;
    --soak) soak=500 ;;
    --fuzz)
      fuzz=60
      if [[ ${2:-} =~ ^[1-9][0-9]*$ ]]; then
        fuzz=$2
        shift
      fi
      ;;
    --help | -h)
      usage
      exit
      ;;
    *) fail "$1: no such option; see --help" ;;
  esac
  shift
done

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
source jobs/lib.sh
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

# Every reader, from its seeds and from inputs that earlier runs found; a failure ends it with status 1 and
# its input is kept.
fuzz_readers() {
  local root=$PWD/build/fuzz reader log status=0
  jobs/dependencies.sh fuzz
  logged "configuring fuzz" build/fuzz/configure.log cmake --preset fuzz
  logged "building fuzz" build/fuzz/build.log cmake --build --preset fuzz
  mkdir -p "$root/findings" "$root/scratch"
  cd "$root/scratch"
  for reader in $("$root/tests/fuzz/fuzz_seeds" "$root/seeds"); do
    mkdir -p "$root/corpus/$reader"
    log=$root/findings/$reader.log
    if "$root/tests/fuzz/fuzz_$reader" -max_total_time="$fuzz" -timeout=5 -max_len=65536 \
      -print_final_stats=1 -artifact_prefix="$root/findings/$reader-" \
      "$root/corpus/$reader" "$root/seeds/$reader" >"$log" 2>&1; then
      rm -f "$root/findings/$reader-"* # of child processes, whose crashes are expected
      echo "$reader: $(sed -n 's/stat::number_of_executed_units: *//p' "$log") inputs, no finding"
    else
      status=1
      echo "$reader: $(grep -m 1 -E 'ERROR|SUMMARY|Error' "$log" || tail -n 1 "$log") (see $log)"
    fi
  done
  return "$status"
}

if [[ -n $fuzz ]]; then
  fuzz_readers
  exit
fi

if [[ $preset == cuda ]]; then jobs/dependencies.sh cuda; else jobs/dependencies.sh; fi
logged "configuring $preset" "build/$preset/configure.log" \
  cmake --preset "$preset" -DRIDGELINE_BUILD_TESTS=ON
logged "building $preset" "build/$preset/build.log" cmake --build --preset "$preset"
if [[ -n $soak ]]; then
  ctest --preset "$preset"
  RIDGELINE_SOAK=$soak ctest --preset "$preset" --tests-regex '^(miniapp|network|readers)$' \
    --timeout 14400
  logged "configuring tsan" build/tsan/configure.log cmake --preset tsan -DRIDGELINE_BUILD_TESTS=ON
  logged "building tsan" build/tsan/build.log \
    cmake --build --preset tsan --target test_data test_network
  build/tsan/tests/test_data --gtest_brief=1 --gtest_filter='BatchLoader*'
  build/tsan/tests/test_network --gtest_brief=1 --gtest_filter='CheckpointWriter*'
else
  ctest --preset "$preset"
fi
