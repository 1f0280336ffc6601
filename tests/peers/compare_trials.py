#!/usr/bin/env python3
"""How often `ridgeline compare` reports a difference where there is none, and misses one of a tenth.

Every trial measures three folders of five runs each, in turn: two of the same build, and one in which a
tool for Kokkos (tests/support/slow_kernel.c) makes one kernel slower by SHARE. All three run with the
tool. Expected of 20 trials: at most one that reports any difference between the first two, and 19 that
find the slower kernel.

    tests/peers/compare_trials.py --build build/openmp [--trials 20] [--keep FOLDER]

takes about six minutes on two cores. It needs no module of Python's.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# Phases of 50 µs to 2 ms on two cores, large ones and small ones.
DECK = """
title = "measured twice"
[data]
kind = "synthetic"
shape = [784]
classes = 10
samples = 1000
[network]
[[network.layer]]
kind = "dense"
name = "fc1"
units = 512
activation = "relu"
[[network.layer]]
kind = "layer_norm"
name = "norm"
[[network.layer]]
kind = "dense"
name = "fc2"
units = 256
activation = "relu"
[[network.layer]]
kind = "dense"
name = "fc3"
units = 10
[train]
epochs = 1
batch = 128
loss = "cross_entropy"
optimizer = { kind = "adam", learning_rate = 0.001 }
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build/openmp", help="folder of the build")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5, help="runs per folder")
    parser.add_argument("--repeats", type=int, default=10, help="of roofline")
    parser.add_argument("--kernel", default="fc1/forward", help="what is slowed down: layer/phase")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--deck", help="another deck")
    parser.add_argument("--machine", help="a machine file (measured first if absent)")
    parser.add_argument("--keep", help="keep the results in this folder")
    options = parser.parse_args()

    build = pathlib.Path(options.build).resolve()
    ridgeline = str(build / "bin/ridgeline")
    tool = str(build / "tests/slow_kernel.so")
    for needed in (ridgeline, tool):
        if not os.path.exists(needed):
            sys.exit(f"{needed} is not there; build the targets ridgeline_miniapp and ridgeline_test_slow_kernel")
    temporary = tempfile.TemporaryDirectory() if options.keep is None else None
    folder = pathlib.Path(options.keep or temporary.name)
    folder.mkdir(parents=True, exist_ok=True)
    deck = options.deck
    if deck is None:
        deck = str(folder / "deck.toml")
        pathlib.Path(deck).write_text(DECK)
    machine = options.machine
    if machine is None:
        machine = str(folder / "machine.json")
        subprocess.run([ridgeline, "machine", "--quick", "--output", machine], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def measure(output, share):
        environment = dict(os.environ, KOKKOS_PROFILE_LIBRARY=tool, KOKKOS_TOOLS_LIBS=tool,
                           SLOW_KERNEL=options.kernel, SLOW_SHARE=str(share))
        subprocess.run([ridgeline, "roofline", deck, "--machine", machine, "--repeats",
                        str(options.repeats), "--output", str(output)],
                       check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def differing(before, after):
        output = folder / "compare.json"
        subprocess.run([ridgeline, "compare", str(before), str(after), "--output", str(output)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        records = json.loads(output.read_text())["records"]
        output.unlink()
        found = {f"{r['what']['layer']}/{r['what']['phase']}": r for r in records}
        return {name: r for name, r in found.items() if r["differs"]}, found

    sides = [("before", 0.0), ("same", 0.0), ("slower", options.share)]
    false_alarms = hits = 0
    start = time.time()
    for trial in range(options.trials):
        here = folder / f"trial{trial}"
        for name, _ in sides:
            (here / name).mkdir(parents=True, exist_ok=True)
        for run in range(options.runs):
            # Each side is the first, the second and the third equally often.
            for i in range(len(sides)):
                name, share = sides[(run + i) % len(sides)]
                measure(here / name / f"run{run}.json", share)
        wrong, _ = differing(here / "before", here / "same")
        right, all_records = differing(here / "before", here / "slower")
        slowed = all_records[options.kernel]
        false_alarms += bool(wrong)
        hits += options.kernel in right and slowed["ratio"] > 1
        low, high = slowed["interval"]
        print(f"trial {trial + 1}: the same build: {', '.join(wrong) or 'no difference'}; slower "
              f"{options.kernel}: {slowed['ratio']:.3f} ({low:.3f} to {high:.3f})"
              f"{'' if options.kernel in right else ', not found'}"
              f"{', also ' + ', '.join(k for k in right if k != options.kernel) if len(right) > 1 else ''}",
              flush=True)
    print(f"{options.trials} trials of {options.runs} runs with {options.runs} in {time.time() - start:.0f} s: "
          f"{false_alarms} report a difference where there is none, {hits} find the slower kernel")
    return 0 if false_alarms * 20 <= options.trials and hits * 20 >= 19 * options.trials else 1


if __name__ == "__main__":
    sys.exit(main())
