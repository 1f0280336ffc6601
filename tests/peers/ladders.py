#!/usr/bin/env python3
"""Ridgeline's ladders against a plain OpenMP C program of the same loops, in turn.

    tests/peers/ladders.py [--ridgeline build/openmp/bin/ridgeline] [--turns 5] [--output FILE]

Each turn runs ladders.c and then `ridgeline machine --quick`. Compared are the triad of the largest
set with all threads and the latency plateaus of L1, L2 and DRAM on 4 KiB pages. Printed are the
medians over the turns of both figures and of their ratio (ridgeline / plain C); within 10 % is the
goal, the exit status 0 either way: a machine that others share may not allow it.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def run_ridgeline(program, folder, environment):
    output = folder / "machine.json"
    command = [program, "machine", "--quick", "--space", "openmp", "--output", str(output),
               "--format", "csv"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return json.loads(output.read_text())


def plan(machine):
    """The working sets to compare, by level, all on the ladder's own points."""
    space = machine["spaces"]["openmp"]
    sizes = {c["level"]: c["bytes"] for c in machine["machine"]["caches"]}
    last = max(sizes.values())
    points = sorted(p["working_set_bytes"] for p in space["latency"] if p["pages"] == "4KiB")
    near = lambda wanted: min(points, key=lambda p: abs(p - wanted))
    return {
        "L1": [near(sizes[1] / 2)],
        "L2": [near(sizes[2] / 4)],
        "DRAM": [p for p in points if p >= 4 * last and p & (p - 1) == 0] or points[-1:],
    }


def of_ridgeline(machine, sets, level):
    """What `machine` gives for a level: the median over the sets that the C program runs, too."""
    points = {p["working_set_bytes"]: p["seconds"]["min"]
              for p in machine["spaces"]["openmp"]["latency"] if p["pages"] == "4KiB"}
    return statistics.median(points[s] for s in sets[level] if s in points)


def triads(machine):
    """The triad's points with all threads: working set to GB/s."""
    points = [p for p in machine["spaces"]["openmp"]["bandwidth"] if p["kernel"] == "triad"]
    threads = max(p["threads"] for p in points)
    return {p["working_set_bytes"]: p["gbytes_per_second"]
            for p in points if p["threads"] == threads}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ridgeline", default=str(HERE.parents[1] / "build/openmp/bin/ridgeline"))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cc", default=os.environ.get("CC", "gcc"))
    parser.add_argument("--output", help="write all figures here (JSON)")
    options = parser.parse_args()
    environment = dict(os.environ)
    # The same placement for both.
    environment.setdefault("OMP_PROC_BIND", "spread")
    environment.setdefault("OMP_PLACES", "cores")

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        plain = folder / "ladders"
        subprocess.run([options.cc, "-O3", "-march=native", "-fopenmp", str(HERE / "ladders.c"),
                        "-o", str(plain)], check=True)
        first = run_ridgeline(options.ridgeline, folder, environment)
        sets, triad_set = plan(first), max(triads(first))
        chases = [str(s) for level in sets.values() for s in level]

        rows = {"triad, DRAM, GB/s": [], **{f"latency, {level}, ns": [] for level in sets}}
        for turn in range(options.turns):
            print(f"turn {turn + 1} of {options.turns}", file=sys.stderr)
            lines = subprocess.run([plain, str(triad_set), *chases], check=True, env=environment,
                                   capture_output=True, text=True).stdout.split("\n")
            fields = [line.split() for line in lines if line]
            loads = {int(f[1]): float(f[2]) for f in fields if f[0] == "chase"}
            machine = run_ridgeline(options.ridgeline, folder, environment)
            rows["triad, DRAM, GB/s"].append((triads(machine)[triad_set], float(fields[0][2])))
            for level in sets:
                rows[f"latency, {level}, ns"].append(
                    (1e9 * of_ridgeline(machine, sets, level),
                     1e9 * statistics.median(loads[s] for s in sets[level])))

    print(f"{'quantity':<20} {'ridgeline':>10} {'plain C':>10} {'ratio':>7}   ratios by turn")
    for row, pairs in rows.items():
        ours, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        ratios = [p[0] / p[1] for p in pairs]
        ratio = statistics.median(ratios)
        print(f"{row:<20} {ours:>10.2f} {theirs:>10.2f} {ratio:>7.3f}   "
              + " ".join(f"{r:.2f}" for r in ratios)
              + ("" if abs(ratio - 1) <= 0.1 else "   over 10 %"))
    if options.output:
        pathlib.Path(options.output).write_text(json.dumps(
            {"machine": first["machine"], "sets": sets, "triad_bytes": triad_set,
             "pairs": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
