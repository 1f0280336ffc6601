#!/usr/bin/env bash
# From a clone to a trained network under its roofline: installs what is missing, builds, measures
# this machine, trains on Fashion-MNIST, and says of every layer what held it back.
set -euo pipefail

usage() {
  cat <<'END'
Usage: jobs/workstation.sh [--space openmp|cuda|serial] [--full] [--results FOLDER]

  --space SPACE     where to compute (default: openmp)
  --full            measure the machine at length instead of quickly
  --results FOLDER  where the files go (default: build/results/workstation-SPACE of the clone)

Example: jobs/workstation.sh --space cuda
END
}

fail() {
  echo "workstation.sh: $*" >&2
  exit 2
}

space=openmp quick=(--quick) results=
while (($# > 0)); do
  case $1 in
    --space | --results)
      (($# > 1)) || fail "$1 needs a value; see --help"
      if [[ $1 == --space ]]; then space=$2; else results=$(realpath -m -- "$2"); fi
      shift
      ;;
    --full) quick=() ;;
    --help | -h) usage && exit ;;
    *) fail "$1: no such option; see --help" ;;
  esac
  shift
done
case $space in
  openmp | serial) preset=openmp ;;
  cuda) preset=cuda ;;
  *) fail "--space $space: only openmp, cuda and serial are possible" ;;
esac

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
results=${results:-build/results/workstation-$space}
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

step() { printf '\n== %s\n' "$*"; }
ridgeline() { "build/$preset/bin/ridgeline" "$@"; }

step "Installing what is missing"
if [[ $preset == cuda ]]; then jobs/dependencies.sh cuda data; else jobs/dependencies.sh data; fi

step "Building preset $preset"
cmake --preset "$preset"
cmake --build --preset "$preset" --target ridgeline_miniapp

step "Measuring this machine"
mkdir -p "$results"
ridgeline machine --space "$space" --output "$results/machine.json" "${quick[@]}"

deck=inputs/fashion_mlp.toml
if [[ ! -e /usr/share/datasets/fashion-mnist ]]; then
  deck=inputs/synthetic_mlp.toml
  echo "note: Fashion-MNIST (Debian's dataset-fashion-mnist) is not installed and could not be:" \
    "training $deck, on data made here, instead"
fi
step "Training $deck"
ridgeline train "$deck" --space "$space" --output "$results"

for phase in train infer; do
  step "The roofline, phase $phase"
  ridgeline roofline "$deck" --space "$space" --phase "$phase" \
    --machine "$results/machine.json" --output "$results/roofline-$phase.json"
done
printf '\nEverything as files, in %s\n' "$results"
