#!/usr/bin/env python3
"""Collects what fraction of their ceilings layers reach, from the rooflines in this folder.

Reads every MACHINE/roofline/*.json with MACHINE/machine.json here, and every machines/MODEL_ID/DATE/turn-*/*.json.gz
with machine.json.gz beside them (jobs/gather.sh), and prints the C++ source src/model/measured_fractions_table.cpp: for each kind of device (gpu, cpu), kind of layer and phase the
median of fraction_of_ceiling over all records, and what an empty kernel and a barrier cost. A record above
its roof counts as 1; records without work are left out.

    docs/results/measured_fractions.py --write    replaces the source
    docs/results/measured_fractions.py --check    fails if the source is another
"""

import argparse
import collections
import gzip
import json
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


def records_of(roofline):
    """All records, of a file with several batches those of each."""
    for part in roofline.get("batches") or [roofline]:
        yield from part["records"]


def name_of(roofline):
    machine = roofline["machine"]
    if DEVICES[roofline["space"]] == "gpu":
        return machine["gpu_model"]
    return f"{machine['cpu_model']}, {machine['threads']} threads"


def costs_of(dispatch):
    """The best times of a kernel, of one on the calling thread alone, and of a barrier."""
    kernel = dispatch["empty_kernel"]["min"]
    single = dispatch["single_thread_kernel"]["min"] if "single_thread_kernel" in dispatch else kernel
    barrier = dispatch["team_barrier"]["min"] if "team_barrier" in dispatch else 0.0
    return kernel, single, barrier


def collect():
    """Fractions by (device, kind, phase); sources by device; costs of dispatch by device."""
    fractions = collections.defaultdict(list)
    sources, dispatch = {}, {}
    for machine_file in sorted([*FOLDER.glob("*/machine.json"), *FOLDER.glob("machines/*/*/machine.json.gz")]):
        folder, spaces = machine_file.parent, set()
        for path in sorted([*folder.glob("roofline/*.json"), *folder.glob("turn-*/*.json.gz")]):
            roofline = read(path)
            device = DEVICES.get(roofline["space"])
            if device is None:
                continue
            spaces.add(roofline["space"])
            sources[(device, name_of(roofline), f"docs/results/{folder.relative_to(FOLDER)}")] = None
            for record in records_of(roofline):
                if record["ceiling_seconds"] > 0:
                    key = device, record["kind"], record["phase"]
                    fractions[key].append(min(1.0, record["fraction_of_ceiling"]))
        machine = read(machine_file)
        for space in sorted(spaces):
            dispatch.setdefault(DEVICES[space], []).append(costs_of(machine["spaces"][space]["dispatch"]))
    return fractions, sorted(sources), dispatch


def source_text():
    fractions, sources, dispatch = collect()
    lines = [HEAD, "const std::vector<FractionSource>& fraction_sources() {\n",
             "  static const std::vector<FractionSource> sources = {\n"]
    for device, name, folder in sources:
        lines.append(f'      {{DeviceKind::{device}, "{name}", "{folder}"}},\n')
    lines += ["  };\n  return sources;\n}\n\n",
              "const std::vector<MeasuredFraction>& measured_fractions() {\n",
              "  static const std::vector<MeasuredFraction> fractions = {\n"]
    for device in sorted({key[0] for key in fractions}):
        of_device = {key[1:]: values for key, values in fractions.items() if key[0] == device}
        everything = [value for values in of_device.values() for value in values]
        rows = [("", "", everything)] + [(*key, of_device[key]) for key in sorted(of_device)]
        for kind, phase, values in rows:
            lines.append(f'      {{DeviceKind::{device}, "{kind}", "{phase}", '
                         f"{statistics.median(values):.4f}, {len(values)}}},\n")
    lines += ["  };\n  return fractions;\n}\n\n", "DispatchSeconds measured_dispatch(DeviceKind device) {\n"]
    cost = {device: ", ".join(f"{statistics.median(each):.4g}" for each in zip(*dispatch[device]))
            for device in ("gpu", "cpu")}
    lines += [f"  if (device == DeviceKind::gpu) return {{{cost['gpu']}}};\n", f"  return {{{cost['cpu']}}};\n",
              "}\n\n", "// clang-format on\n\n", "}  // namespace ridgeline::model\n"]
    return "".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="replace the source")
    what.add_argument("--check", action="store_true", help="fail if the source is another")
    options = parser.parse_args()
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
