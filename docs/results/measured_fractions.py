#!/usr/bin/env python3
"""Fits the times of layers relative to their ceilings, from the rooflines and crossovers in this folder.

For each kind of device (gpu, cpu), kind of layer and phase: seconds = fixed + ceiling / fraction, where the ceiling
is the larger of that of arithmetic and that of bandwidth. Reads every MACHINE/roofline/*.json and
MACHINE/crossover*.json with MACHINE/machine.json here, and every machines/MODEL_ID/DATE/turn-*/*.json.gz with
machine.json.gz beside them (jobs/gather.sh); a crossover's layers count if its second space is a device. Prints the
C++ source src/model/measured_fractions_table.cpp.

    docs/results/measured_fractions.py --write     replaces the source
    docs/results/measured_fractions.py --check     fails if the source is another
    docs/results/measured_fractions.py --evaluate  how far the fit is from what was measured, and from each deck if
                                                   its records are left out
"""

import argparse
import collections
import gzip
import json
import math
import pathlib
import statistics
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SOURCE = FOLDER.parents[1] / "src" / "model" / "measured_fractions_table.cpp"
DEVICES = {"cuda": "gpu", "hip": "gpu", "openmp": "cpu"}

HEAD = """\
// Written by docs/results/measured_fractions.py --write; a test checks that it is what the results
// in docs/results give.
#include "model/measured_fractions.hpp"

namespace ridgeline::model {

// clang-format off

"""


def read(path):
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return json.loads(text.decode("utf-8"))


def name_of(roofline):
    machine = roofline["machine"]
    if DEVICES[roofline["space"]] == "gpu":
        return machine["gpu_model"]
    return f"{machine['cpu_model']}, {machine['threads']} threads"


def costs_of(dispatch):
    """Returns the minimum times of a kernel, of one on the calling thread alone, and of a barrier."""
    kernel = dispatch["empty_kernel"]["min"]
    single = dispatch["single_thread_kernel"]["min"] if "single_thread_kernel" in dispatch else kernel
    barrier = dispatch["team_barrier"]["min"] if "team_barrier" in dispatch else 0.0
    return kernel, single, barrier


class Record:
    """One layer in one phase (seconds), and the deck whose step it was part of, if any."""

    def __init__(self, seconds, work, latency, deck=None):
        self.seconds, self.work, self.latency, self.deck = seconds, work, latency, deck


def interpolated(x, points):
    """A curve through (x, y), which continues flat."""
    points = sorted(points)
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x < x1:
            return y0 + (y1 - y0) * max(0.0, x - x0) / (x1 - x0)
    return points[-1][1]


def bandwidth_at(space, working_set):
    """Bytes per second of the fastest kernel at a working set."""
    curves = collections.defaultdict(list)
    for point in space["bandwidth"]:
        curves[point["kernel"]].append((math.log(point["working_set_bytes"]), point["gbytes_per_second"]))
    return 1e9 * max(interpolated(math.log(working_set), points) for points in curves.values())


def ceilings_of(record, space, precision):
    """Seconds of arithmetic or bandwidth, the larger, and of launching; early files have only their maximum."""
    if "compute_seconds" in record:
        return max(record["compute_seconds"], record["bandwidth_seconds"]), record["latency_seconds"]
    kernel, _, barrier = costs_of(space["dispatch"])
    work = record["flops"] / (1e9 * space["peak_gflops"][precision])
    if record["bytes"] > 0:
        work = max(work, record["bytes"] / bandwidth_at(space, record["working_set_bytes"]))
    return work, record["dispatches"] * kernel + record.get("barriers", 0) * barrier


def roofline_records(files, machine):
    """Yields (kind, phase, Record): the medians of turns through the same decks and batches."""
    turns = collections.defaultdict(list)
    for path in files:
        roofline = read(path)
        for part in roofline.get("batches") or [roofline]:
            for record in part["records"]:
                if record["ceiling_seconds"] > 0:
                    where = path.name, part.get("batch"), record["layer"], record["kind"], record["phase"]
                    turns[where].append((record["seconds"]["median"],
                                         *ceilings_of(record, machine["spaces"][roofline["space"]],
                                                      roofline["precision"])))
    for (name, _, _, kind, phase), each in turns.items():
        yield kind, phase, Record(*(statistics.median(values) for values in zip(*each)), name.split("-")[0])


def crossover_records(study, space):
    """Does the same for the layers of a crossover, forward. Forward and backward together have one point, which does
    not separate the bytes of the backward pass."""
    peak = 1e9 * space["peak_gflops"]["float32"]
    for point in study["points"]:
        if point["precision"] == "float32" and "width" in point and point["pass"] == "forward":
            work = max(point["flops"] / peak,
                       point["working_set_bytes"] / bandwidth_at(space, point["working_set_bytes"]))
            yield point["what"], "forward", Record(point["eager"]["second_seconds"]["median"], work, 0.0)


def collect():
    """Records by (device, kind, phase); sources by device; costs of dispatch by device."""
    records = collections.defaultdict(list)
    sources, dispatch = {}, {}
    for machine_file in sorted([*FOLDER.glob("*/machine.json"), *FOLDER.glob("machines/*/*/machine.json.gz")]):
        folder, machine = machine_file.parent, read(machine_file)
        files = collections.defaultdict(list)
        for path in sorted([*folder.glob("roofline/*.json"), *folder.glob("turn-*/*.json.gz")]):
            roofline = read(path)
            space = roofline["space"]
            if space in DEVICES:
                files[space].append(path)
                sources[(DEVICES[space], name_of(roofline), f"docs/results/{folder.relative_to(FOLDER)}")] = None
        spaces = set(files)
        for space, paths in files.items():
            for kind, phase, record in roofline_records(paths, machine):
                records[DEVICES[space], kind, phase].append(record)
        for path in sorted(folder.glob("crossover*.json")):
            study = read(path)
            space = study["settings"]["second"]
            is_measured = study["settings"].get("second_is_measured", True)
            if DEVICES.get(space) == "gpu" and space in spaces and is_measured:
                for kind, phase, record in crossover_records(study, machine["spaces"][space]):
                    records["gpu", kind, phase].append(record)
        for space in sorted(spaces):
            dispatch.setdefault(DEVICES[space], []).append(costs_of(machine["spaces"][space]["dispatch"]))
    return records, sorted(sources), dispatch


def grid(low, high):
    return [low + (high - low) * i / 24 for i in range(25)]


def expected_seconds(fixed, fraction, record):
    """Computes the same as model/expectation.cpp: the launch cost is at least its ceiling."""
    return max(fixed, record.latency) + record.work / fraction


def fit(records, likely=None):
    """(fixed seconds, fraction) that minimise the sum of |log(expected / measured)|, on a grid that is refined twice.
    A fraction that is e times the `likely` one costs as much as a tenth of one record, for kinds with few records."""
    points = [(record.work, record.latency, 1 / record.seconds) for record in records]
    # No less than launching, and no more than the shortest of them takes.
    most = math.log(min(record.seconds for record in records))
    least = min(most, math.log(max(1e-9, min(record.latency for record in records))))
    fixed, fraction = (least, most), (math.log(1e-3), 0.0)
    best = None
    for _ in range(3):
        for log_fraction in grid(*fraction):
            f = math.exp(log_fraction)
            penalty = 0.1 * abs(log_fraction - math.log(likely)) if likely else 0.0
            for log_fixed in grid(*fixed):
                a = math.exp(log_fixed)
                loss = penalty + sum(abs(math.log((max(a, latency) + work / f) * inverse))
                                     for work, latency, inverse in points)
                if best is None or loss < best[0]:
                    best = loss, log_fixed, log_fraction
        steps = [(high - low) / 12 for low, high in (fixed, fraction)]
        fixed = max(least, best[1] - steps[0]), min(most, best[1] + steps[0])
        fraction = best[2] - steps[1], min(0.0, best[2] + steps[1])
    return math.exp(best[1]), math.exp(best[2])


def fits_of(records, device):
    """{(kind, phase): (fixed, fraction, number of records)}, ("", "") for all together."""
    of_device = {key[1:]: values for key, values in records.items() if key[0] == device and values}
    everything = [record for values in of_device.values() for record in values]
    fits = {("", ""): (*fit(everything), len(everything))}
    for key, values in of_device.items():
        fits[key] = (*fit(values, fits["", ""][1]), len(values))
    return fits


def source_text():
    records, sources, dispatch = collect()
    lines = [HEAD, "const std::vector<FractionSource>& fraction_sources() {\n",
             "  static const std::vector<FractionSource> sources = {\n"]
    for device, name, folder in sources:
        lines.append(f'      {{DeviceKind::{device}, "{name}", "{folder}"}},\n')
    lines += ["  };\n  return sources;\n}\n\n",
              "const std::vector<MeasuredFraction>& measured_fractions() {\n",
              "  static const std::vector<MeasuredFraction> fractions = {\n"]
    for device in ("cpu", "gpu"):
        for (kind, phase), (fixed, fraction, count) in sorted(fits_of(records, device).items()):
            lines.append(f'      {{DeviceKind::{device}, "{kind}", "{phase}", {fixed:.3g}, {fraction:.3g}, {count}}},\n')
    lines += ["  };\n  return fractions;\n}\n\n", "DispatchSeconds measured_dispatch(DeviceKind device) {\n"]
    cost = {device: ", ".join(f"{statistics.median(each):.4g}" for each in zip(*dispatch[device]))
            for device in ("gpu", "cpu")}
    lines += [f"  if (device == DeviceKind::gpu) return {{{cost['gpu']}}};\n", f"  return {{{cost['cpu']}}};\n",
              "}\n\n", "// clang-format on\n\n", "}  // namespace ridgeline::model\n"]
    return "".join(lines)


def factor(values):
    """Returns the deviation of ratios from 1, as a factor, in the median and at most."""
    logs = sorted(abs(math.log(value)) for value in values)
    return f"{math.exp(statistics.median(logs)):.2f} ({math.exp(logs[int(0.9 * len(logs))]):.2f} for 9 of 10)"


def evaluate():
    records, _, _ = collect()

    def expected(fits, key, record):
        fixed, fraction, _ = fits.get(key, fits["", ""])
        return expected_seconds(fixed, fraction, record)

    for device in ("cpu", "gpu"):
        fits = fits_of(records, device)
        of_device = [(key[1:], record) for key, values in records.items() if key[0] == device for record in values]
        in_steps = [expected(fits, key, record) / record.seconds for key, record in of_device if record.deck]
        alone = [expected(fits, key, record) / record.seconds for key, record in of_device if not record.deck]
        print(f"{device}: layers in steps are expected within a factor of {factor(in_steps)}")
        if alone:
            print(f"{device}: layers alone (crossover) within a factor of {factor(alone)}")
        for deck in sorted({record.deck for _, record in of_device if record.deck}):
            twins = {"fashion_mlp", "synthetic_mlp"}  # one network
            out = twins if deck in twins else {deck}
            others = fits_of({key: [record for record in values if record.deck not in out]
                              for key, values in records.items()}, device)
            mine = [(key, record) for key, record in of_device if record.deck == deck]
            total = sum(record.seconds for _, record in mine)
            print(f"{device}: {deck}: expected / measured {sum(expected(fits, *each) for each in mine) / total:.2f}, "
                  f"left out {sum(expected(others, *each) for each in mine) / total:.2f}, ceilings "
                  f"{sum(max(record.work, record.latency) for _, record in mine) / total:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="replace the source")
    what.add_argument("--check", action="store_true", help="fail if the source is another")
    what.add_argument("--evaluate", action="store_true", help="compare what is expected with what was measured")
    options = parser.parse_args()
    if options.evaluate:
        evaluate()
        return
    text = source_text()
    if options.write:
        SOURCE.write_text(text, encoding="utf-8")
    elif options.check:
        if SOURCE.read_text(encoding="utf-8") != text:
            sys.exit(f"{SOURCE} is not what the results give: run docs/results/measured_fractions.py --write")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
