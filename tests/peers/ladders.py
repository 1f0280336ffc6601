#!/usr/bin/env python3
"""Compares Ridgeline's ladders with a plain OpenMP C program of the same loops, alternately.

    tests/peers/ladders.py [--build build/openmp] [--turns 9] [--output FILE]

Builds ladders.c with -O3 -march=native -fopenmp and ladders_ridgeline.cpp, which runs the probes of
`ridgeline machine`, against the library in the build folder. Compared are read, copy and triad of
384 MiB with all threads, on 4 KiB and on huge pages, with ordinary and non-temporal stores; the best
of them, which is the ceiling; and the latency of sets that fit L1, L2 and nothing, on 4 KiB pages.
Each turn runs one quantity in one program and then in the other, so that both meet the same
neighbours. Printed are the medians over the turns of both figures and of their ratio (ridgeline /
plain C). Within 5 % is the goal for the ceiling, within 10 % for the rest; the exit status is 0
either way, since a machine that others share may not allow it.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIB = 1 << 20


def cache_bytes(level):
    """Size of processor 0's data or unified cache at this level."""
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if int((index / "level").read_text()) != level:
            continue
        if (index / "type").read_text().strip() != "Instruction":
            size = (index / "size").read_text().strip()
            return int(size[:-1]) * {"K": 1 << 10, "M": MIB}[size[-1]]
    sys.exit(f"no cache of level {level} in /sys")


def build_both(build, folder):
    plain, ours = folder / "ladders", folder / "ladders_ridgeline"
    subprocess.run([os.environ.get("CC", "gcc"), "-O3", "-march=native", "-fopenmp",
                    str(HERE / "ladders.c"), "-o", str(plain)], check=True)
    cache = (build / "CMakeCache.txt").read_text()
    kokkos = pathlib.Path(re.search(r"^Kokkos_DIR:\w+=(.*)$", cache, re.M).group(1)).parents[2]
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M).group(1)
    libraries = sorted(kokkos.glob("lib*/libkokkoscore.*"))
    subprocess.run([compiler, "-std=c++17", "-O2", "-fopenmp", f"-I{ROOT / 'src'}",
                    f"-I{kokkos / 'include'}", str(HERE / "ladders_ridgeline.cpp"),
                    str(build / "src/libridgeline.a"), str(libraries[0]), "-lfmt", "-lhwloc", "-ldl",
                    f"-Wl,-rpath,{libraries[0].parent}", "-o", str(ours)], check=True)
    return ours, plain


def run(program, arguments, environment):
    """The figure on the only line that the program prints."""
    output = subprocess.run([str(program), *map(str, arguments)], check=True, env=environment,
                            stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"^\w+ \d+ (\S+)$", output, re.M).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/openmp")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--output", help="write all figures here (JSON)")
    options = parser.parse_args()
    environment = dict(os.environ)
    # The same placement for both.
    environment.setdefault("OMP_PROC_BIND", "spread")
    environment.setdefault("OMP_PLACES", "cores")

    quantities = {f"{kernel}, {pages}, {stores}": (1, [kernel, pages, stores, 384 * MIB])
                  for pages in ("4k", "huge")
                  for kernel, stores in (("read", "ordinary"), ("copy", "ordinary"), ("triad", "ordinary"),
                                         ("copy", "non-temporal"), ("triad", "non-temporal"))}
    streams = list(quantities)
    quantities.update({f"latency, {level}, ns": (1e9, ["chase", size]) for level, size in (
        ("L1", cache_bytes(1) // 2), ("L2", cache_bytes(2) // 4), ("DRAM", 256 * MIB))})
    pairs = {name: [] for name in quantities}
    with tempfile.TemporaryDirectory() as name:
        ours, plain = build_both(options.build, pathlib.Path(name))
        for turn in range(options.turns):
            print(f"turn {turn + 1} of {options.turns}", file=sys.stderr)
            for quantity, (scale, arguments) in quantities.items():
                pairs[quantity].append([scale * run(program, arguments, environment)
                                        for program in (ours, plain)])

    pairs["best of these, GB/s"] = [[max(pairs[name][turn][i] for name in streams) for i in (0, 1)]
                                    for turn in range(options.turns)]
    print(f"{'quantity':<26} {'ridgeline':>10} {'plain C':>10} {'ratio':>7}   ratios by turn")
    for quantity, both in pairs.items():
        medians = [statistics.median(pair[i] for pair in both) for i in (0, 1)]
        ratios = [pair[0] / pair[1] for pair in both]
        ratio = statistics.median(ratios)
        print(f"{quantity:<26} {medians[0]:>10.2f} {medians[1]:>10.2f} {ratio:>7.3f}   "
              + " ".join(f"{r:.2f}" for r in ratios)
              + ("" if abs(ratio - 1) <= (0.05 if "best" in quantity else 0.1) else "   over the goal"))
    if options.output:
        pathlib.Path(options.output).write_text(json.dumps(
            {"turns": options.turns, "ridgeline_and_plain": pairs}, indent=2) + "\n")


if __name__ == "__main__":
    main()
