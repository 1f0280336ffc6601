#!/usr/bin/env bash
# Measures this machine for the archive of machines: its machine file first, then turns of every deck,
# training and inference, at several batches. Takes about 6 minutes on two cores. In an installation
# it uses the installed program and decks.
set -euo pipefail

usage() {
  cat <<'END'
Usage: jobs/gather.sh [--space openmp|cuda] [--turns N] [--batches N,N...] [--results FOLDER]

Writes FOLDER/MODEL_ID/DATE/machine.json.gz, and below turn-1, turn-2 ... one file for each deck and phase.
MODEL_ID is what the machine file calls the processor's model. Nothing there is replaced.

  --space SPACE     where to compute (default: openmp)
  --turns N         turns through all decks (default: 3)
  --batches N,N...  samples per step (default: 1,8,32,128)
  --results FOLDER  (default: docs/results/machines of the clone; of an installation, ridgeline-machines in
                    this folder)

Example: jobs/gather.sh --turns 1 --results /tmp/machines
END
}

fail() {
  echo "gather.sh: $*" >&2
  exit 2
}

top=$(dirname -- "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")")
source "$top/jobs/lib.sh"

space=openmp turns=3 batches=1,8,32,128 results=''
while (($# > 0)); do
  case $1 in
    --space | --turns | --batches | --results)
      (($# > 1)) || fail "$1 needs a value; see --help"
      case $1 in
        --space) space=$2 ;;
        --turns) turns=$2 ;;
        --batches) batches=$2 ;;
        --results) results=$(realpath -m -- "$2") ;;
      esac
      shift
      ;;
    --help | -h) usage && exit ;;
    *) fail "$1: no such option; see --help" ;;
  esac
  shift
done
[[ $turns =~ ^[1-9][0-9]?$ ]] || fail "--turns $turns: must be a number from 1 to 99"
[[ $space == openmp || $space == cuda ]] || fail "--space $space: only openmp and cuda are possible"
number='[1-9][0-9]{0,5}'
[[ $batches =~ ^$number(,$number)*$ ]] ||
  fail "--batches $batches: must be numbers of 1 to 6 digits, such as 1,8,32"

if ridgeline=$(installed_ridgeline "$top"); then
  results=${results:-ridgeline-machines} inputs=$top/inputs
else
  cd -- "$top"
  results=${results:-docs/results/machines} inputs=inputs ridgeline=build/$space/bin/ridgeline
  [[ -x $ridgeline ]] || fail "$ridgeline is not built; cmake --preset $space && cmake --build --preset $space"
fi

# Samples are for comparing runs of one day; without them, and packed, a file is a twentieth as long.
# Ridgeline reads gzipped JSON files as well.
compact() { sed '/^ *"samples": \[/d' | gzip -9n >"$1.partial" && mv "$1.partial" "$1"; }

scratch=$(mktemp -d) folder='' has_roofline=''
# A folder with only a machine file would make the next run on the same day fail.
clean() {
  rm -rf -- "$scratch"
  if [[ -n $folder && -z $has_roofline ]]; then rm -rf -- "$folder"; fi
}
trap clean EXIT
echo "Measuring the machine"
"$ridgeline" machine --space "$space" --output "$scratch/machine.json" >/dev/null
id=$(sed -n 's/^  "model_id": "\(.*\)",\{0,1\}$/\1/p' "$scratch/machine.json")
[[ -n $id ]] || fail "the machine file has no model_id"
if grep -q '^  "quiet": false' "$scratch/machine.json"; then
  echo 'warning: the machine was not idle while its file was measured ("quiet": false); measure it again' >&2
fi
if grep -q '^  "ridgeline_version": ".*-dirty' "$scratch/machine.json"; then
  echo "warning: this Ridgeline was built from sources with changes that no commit has (-dirty)" >&2
fi
dated=$results/$id/$(date -u +%Y-%m-%d)
[[ ! -e $dated ]] || fail "$dated is there already; move it, or give another --results"
folder=$dated
mkdir -p "$folder"
compact "$folder/machine.json.gz" <"$scratch/machine.json"
echo "Written: $folder/machine.json.gz"

for ((turn = 1; turn <= turns; ++turn)); do
  for deck in "$inputs"/*.toml; do
    name=$(basename "$deck" .toml)
    missing=$("$top/jobs/missing_data.sh" "$deck")
    if [[ -n $missing ]]; then
      ((turn > 1)) || echo "note: leaving out $name: there is no ${missing%%$'\n'*}"
      continue
    fi
    for phase in train infer; do
      file=$folder/turn-$turn/$name-$phase.json.gz
      mkdir -p "$folder/turn-$turn"
      # A warning of a disturbed machine is in the file too.
      "$ridgeline" roofline "$deck" --space "$space" --phase "$phase" --batch "$batches" \
        --machine "$folder/machine.json.gz" --output "$scratch/roofline.json" >/dev/null 2>"$scratch/log" || {
        cat "$scratch/log" >&2
        exit 1
      }
      compact "$file" <"$scratch/roofline.json"
      has_roofline=1
    done
  done
  echo "Finished turn $turn of $turns"
done
du -sh "$folder" | sed 's/\t/ in /'
