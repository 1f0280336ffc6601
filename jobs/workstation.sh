#!/usr/bin/env bash
# From a clone to a trained network with its roofline: installs what is missing, builds, measures
# this machine, trains on Fashion-MNIST, prints what bounds each layer, and writes a page with
# pictures. In an installation it uses the installed program and decks.
set -euo pipefail

usage() {
  cat <<'END'
Usage: jobs/workstation.sh [--space openmp|cuda|serial] [--deck DECK]... [--all-decks] [--full]
                           [--results FOLDER]

  --space SPACE     where to compute (default: openmp)
  --deck DECK       what to train (default: inputs/fashion_mlp.toml; repeatable)
  --all-decks       every deck of inputs/, one after the other
  --full            measure the machine at length instead of quickly
  --results FOLDER  where the files go (default: build/results/workstation-SPACE of the clone; of
                    an installation, ridgeline-workstation-SPACE in this folder)

Example: jobs/workstation.sh --space cuda
END
}

fail() {
  echo "workstation.sh: $*" >&2
  exit 2
}

top=$(dirname -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")")
source "$top/jobs/lib.sh"

space=openmp quick=(--quick) results='' decks=()
while (($# > 0)); do
  case $1 in
    --space | --results | --deck)
      (($# > 1)) || fail "$1 needs a value; see --help"
      case $1 in
        --space) space=$2 ;;
        --results) results=$(realpath -m -- "$2") ;;
        --deck)
          [[ -f $2 ]] || fail "--deck $2: no such file"
          decks+=("$(realpath -- "$2")")
          ;;
      esac
      shift
      ;;
    --all-decks) decks+=("$top"/inputs/*.toml) ;;
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

step() { printf '\n== %s\n' "$*"; }
ridgeline() { "$program" "$@"; }

if program=$(installed_ridgeline "$top"); then
  results=${results:-ridgeline-workstation-$space} inputs=$top/inputs
else
  cd -- "$top"
  results=${results:-build/results/workstation-$space} inputs=inputs program=build/$preset/bin/ridgeline
  export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

  step "Installing what is missing"
  if [[ $preset == cuda ]]; then jobs/dependencies.sh cuda data; else jobs/dependencies.sh data; fi

  step "Building preset $preset"
  logged configuring "build/$preset/configure.log" cmake --preset "$preset"
  logged building "build/$preset/build.log" \
    cmake --build --preset "$preset" --target ridgeline_miniapp
fi

step "Measuring this machine"
mkdir -p "$results"
ridgeline machine --space "$space" --output "$results/machine.json" "${quick[@]}"

chosen=${#decks[@]} failed=0
declare -A seen
((chosen > 0)) || decks=("$inputs/fashion_mlp.toml")
for deck in "${decks[@]}"; do
  name=$(basename "$deck" .toml)
  [[ ! -v seen[$name] ]] || fail "$deck: another deck has the same name, and their results would meet"
  seen[$name]=1
  # A deck whose data are missing (Debian's dataset-fashion-mnist, fortunes) is skipped; any other fault
  # of a deck ends the job.
  missing=$("$top/jobs/missing_data.sh" "$deck")
  if [[ -n $missing ]]; then
    missing="there is no ${missing%%$'\n'*}"
    ((chosen != 1)) || fail "$deck: $missing"
    echo "note: leaving out $name: $missing"
    if ((chosen > 1)); then continue; fi
    deck=$inputs/synthetic_mlp.toml name=synthetic_mlp
    echo "note: training $deck, on data made here, instead"
  fi
  ridgeline train "$deck" --space "$space" --dry-run --quiet >/dev/null || exit
  step "Training $name"
  ridgeline train "$deck" --space "$space" --output "$results/$name" || { failed=1 && continue; }

  for phase in train infer; do
    step "The roofline of $name, phase $phase"
    ridgeline roofline "$deck" --space "$space" --phase "$phase" \
      --machine "$results/machine.json" --output "$results/$name/roofline-$phase.json" || failed=1
  done
done

step "The report"
ridgeline report "$results" --output "$results/report.html" || failed=1
printf '\nEverything as files, in %s; open %s in a browser\n' "$results" "$results/report.html"
if [[ $space != cuda ]]; then
  printf 'Times on a GPU, at best and as expected (takes under 30 s):\n  %q study crossover --machine %q --quick' \
    "$program" "$inputs/machines/h100-sxm.json"
  if ((chosen > 0)); then printf ' --no-layers' && printf ' --deck %q' "${decks[@]}"; fi
  printf '\n'
fi
exit "$failed"
