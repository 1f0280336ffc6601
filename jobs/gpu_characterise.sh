#!/usr/bin/env bash
# Runs all of Ridgeline's measurements on one machine: the tests on its device, the machine,
# the seven studies, the roofline of every deck, native against Kokkos Kernels matrix products. Needs
# only a build folder: no network, no compiler, no data.
set -euo pipefail

usage() {
  cat <<'END'
Usage: jobs/gpu_characterise.sh [--build FOLDER] [--quick] [--results FOLDER]
       jobs/gpu_characterise.sh [--build FOLDER] --pack FILE.tar.gz

  --build FOLDER    a build of Ridgeline (default: build/cuda of this clone, or the installation that
                    this job belongs to)
  --quick           within 8 minutes rather than 30
  --results FOLDER  where the files go (default: build/results/characterise of this clone; of an
                    installation, ridgeline-characterise in this folder); beside it FOLDER.tar.gz holds
                    all of them
  --pack FILE       measure nothing: put into FILE what another machine needs, libraries too except
                    CUDA's own; unpack it there and run its jobs/gpu_characterise.sh

Example: jobs/gpu_characterise.sh --quick
END
}

fail() {
  echo "gpu_characterise.sh: $*" >&2
  exit 2
}

self=$(realpath -- "${BASH_SOURCE[0]}")
root=$(dirname -- "$(dirname -- "$self")")
source "$root/jobs/lib.sh"
build=$root/build/cuda default=$root/build/results/characterise results='' pack='' quick=()
if installed=$(installed_ridgeline "$root"); then
  build=$(dirname -- "$(dirname -- "$installed")") default=$PWD/ridgeline-characterise
fi
while (($# > 0)); do
  case $1 in
    --build | --results | --pack)
      (($# > 1)) || fail "$1 needs a value; see --help"
      declare "${1#--}=$(realpath -m -- "$2")"
      shift
      ;;
    --quick) quick=(--quick) ;;
    --help | -h) usage && exit ;;
    *) fail "$1: no such option; see --help" ;;
  esac
  shift
done
ridgeline=$build/bin/ridgeline
programs=(core kernels layers network machine studies)
[[ -x $ridgeline ]] || fail "$ridgeline: no such program; build it, or name a build with --build"

# A copy includes the libraries that it needs, except the C library, the driver and CUDA.
for folder in "${CUDA_HOME:-/usr/local/cuda}/lib64" "$build/lib"; do
  if [[ -d $folder ]]; then export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; fi
done

if [[ -n $pack ]]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  copy=$folder/ridgeline
  mkdir -p "$copy"/jobs "$copy"/build/cuda/{bin,lib,tests}
  cp "$self" "$root"/jobs/{lib,missing_data}.sh "$copy/jobs/"
  # What the studies and the tests read; an installation has no tests.
  for needed in inputs docs/layers.md tests/{cases,references}; do
    if [[ -e $root/$needed ]]; then (cd "$root" && cp -r --parents "$needed" "$copy"); fi
  done
  strip -o "$copy/build/cuda/bin/ridgeline" "$ridgeline"
  for name in "${programs[@]}"; do
    if [[ -x $build/tests/test_$name ]]; then
      strip -o "$copy/build/cuda/tests/test_$name" "$build/tests/test_$name"
    fi
  done
  ldd "$ridgeline" "$build"/tests/test_* 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// {print $3}' |
    sort -u | grep -Ev '/cuda|/(libc|libm|libdl|librt|libpthread|libresolv|libutil|libcuda)\.so' |
    xargs -r cp -L -t "$copy/build/cuda/lib"
  tar -C "$folder" -czf "$pack.partial" ridgeline
  mv "$pack.partial" "$pack"
  echo "packed into $pack ($(du -h "$pack" | cut -f1)); there: tar xzf $(basename "$pack") && ridgeline/jobs/gpu_characterise.sh --quick"
  exit
fi

results=${results:-$default}
# Results of an earlier run, perhaps on another machine, must not be in the archive.
if [[ -e $results ]]; then
  [[ -f $results/summary.txt ]] || fail "$results is there, and not of this job; name another folder"
  rm -rf "$results"
fi
mkdir -p "$results/decks" "$results/roofline" "$results/tests"
cd "$results"
"$ridgeline" info | tee info.txt
"$ridgeline" info --json >info.json
space=openmp
if grep -q '"cuda"' info.json; then space=cuda; fi

failed=0 stopped=0
: >summary.txt
# An interrupt ends the current step, which writes what it has, and skips the others.
trap 'stopped=1' INT TERM
if ((${#quick[@]})); then end=$((SECONDS + 470)); else end=$((SECONDS + 1800)); fi
# step NAME LIMIT COMMAND…: writes the output to NAME.txt too; a failure does not end the others, and
# steps that would begin after the time limit are skipped.
step() {
  local name=$1 limit=$2 begin=$SECONDS status=0
  shift 2
  printf '\n== %s\n' "$name"
  if ((end - begin < limit)); then limit=$((end - begin)); fi
  if ((stopped || limit < 5)); then
    echo "left out: $( ((stopped)) && echo interrupted || echo time limit reached)" | tee "$name.txt"
    status=124
  else
    # In the foreground: an interrupt reaches it too.
    timeout --foreground --kill-after=30 "$limit" "$@" 2>&1 | tee -i "$name.txt" || status=$?
  fi
  if ((status != 0)); then failed=1; fi
  printf '%4d s  status %d  %s\n' $((SECONDS - begin)) "$status" "$name" >>summary.txt
}

# Tests of computations; the others need a compiler, or the whole clone.
for name in "${programs[@]}"; do
  program=$build/tests/test_$name
  if [[ -x $program ]]; then
    step "tests/$name" 240 env RIDGELINE_SOURCE_FOLDER="$root" "$program" --gtest_brief=1
  else
    echo "note: there is no $program: build it with -DRIDGELINE_BUILD_TESTS=ON" | tee -a notes.txt
  fi
done

step machine 200 "$ridgeline" machine --output machine.json "${quick[@]}"

# Missing data of a deck are replaced by data of the same shape: times do not depend on the values.
replace_data() {
  local deck=$1 name=$2 target
  if grep -q '^kind = "text"' "$deck"; then
    cat "$root"/inputs/*.toml "$self" >decks/text.txt
    sed -i '/^\[data\]/,/^\[network\]/ {/^path = \[/,/\]/d; /^path/d; s/^kind = "text"/&\npath = "text.txt"/}' \
      "decks/$name.toml"
  else
    target=$(grep -m 1 '^target' "$deck" || true)
    awk -v data="[data]\nkind = \"synthetic\"\nshape = [1, 28, 28]\nclasses = 10\nsamples = 2000\n$target" '
      /^\[/ { inside = $0 == "[data]"; if (inside) print data "\n" }
      !inside { print }' "$deck" >"decks/$name.toml"
    # Generated values are not probabilities.
    sed -i 's/"binary_cross_entropy"/"mse"/' "decks/$name.toml"
  fi
  echo "note: $name has no data here; data of the same shape take their place" | tee -a notes.txt
}
if [[ -f $root/inputs/diabetes.h5 ]]; then cp "$root/inputs/diabetes.h5" decks/; fi
for deck in "$root"/inputs/*.toml; do
  name=$(basename "$deck" .toml)
  cp "$deck" "decks/$name.toml"
  if [[ -n $("$root/jobs/missing_data.sh" "decks/$name.toml") ]]; then replace_data "$deck" "$name"; fi
  # A deck with any other fault is skipped, and the job fails.
  if ! reason=$("$ridgeline" train "decks/$name.toml" --dry-run --quiet 2>&1 >/dev/null); then
    echo "note: $name is left out: ${reason#ridgeline: }" | tee -a notes.txt
    rm "decks/$name.toml"
    failed=1
  fi
done

decks=()
for deck in decks/*.toml; do decks+=(--deck "$deck"); done
for study in latency bandwidth concurrency dispatch divergence; do
  step "$study" 200 "$ridgeline" study "$study" --output "$study.json" "${quick[@]}"
done
for study in crossover scaling; do
  step "$study" 200 "$ridgeline" study "$study" --output "$study.json" "${decks[@]}" "${quick[@]}"
done

for deck in decks/*.toml; do
  name=$(basename "$deck" .toml)
  for phase in train infer; do
    step "roofline/$name-$phase" 100 "$ridgeline" roofline "$deck" --space "$space" --phase "$phase" \
      --machine machine.json --output "roofline/$name-$phase.json"
  done
done

# One dense layer n → n of n samples is a square matrix product.
mkdir -p products
sizes=(256 512 1024 2048)
if [[ $space == cuda ]]; then sizes+=(4096 8192); fi
for n in "${sizes[@]}"; do
  cat >"products/product-$n.toml" <<END
[data]
kind = "synthetic"
shape = [$n]
samples = 2
target = "input"
[network]
[[network.layer]]
kind = "dense"
name = "product"
units = $n
bias = false
[train]
epochs = 1
batch = $n
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.1 }
END
  for gemm in native kokkos_kernels; do
    step "products/$n-$gemm" 100 "$ridgeline" roofline "products/product-$n.toml" --space "$space" \
      --phase infer --machine machine.json --set "network.gemm=$gemm" --output "products/$n-$gemm.json"
  done
done

# A page with pictures, if there is PLplot.
stopped=0 end=$((SECONDS + 60))
step report 60 "$ridgeline" report . --output report.html

printf '\n== Summary\n'
cat summary.txt
if [[ -f notes.txt ]]; then cat notes.txt; fi
tar -C "$(dirname "$results")" -czf "$results.tar.gz.partial" "$(basename "$results")"
mv "$results.tar.gz.partial" "$results.tar.gz"
printf '\nEverything as files in %s, and in %s.tar.gz\n' "$results" "$results"
exit "$failed"
