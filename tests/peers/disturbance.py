#!/usr/bin/env python3
"""Checks whether a disturbed machine is detected: runs of one roofline, in turn alone and beside a process that
computes on one processor. Prints one line per run, and at the end how many gave an alarm and what the pulses
cost. Ends with 1 if a quiet run gave an alarm or a disturbed one none.

A run counts as quiet only if the machine was: steal below 0.5 %, CPU pressure avg10 below 1 before it; others
are repeated, and so are those in which the hypervisor moved the threads' processors (the exchange of data
between threads became slower). Needs an otherwise idle machine.

    tests/peers/disturbance.py build/openmp/bin/ridgeline [--runs 20]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DECK = """
[data]
kind = "synthetic"
shape = [784]
classes = 10
samples = 1000
[network]
[[network.layer]]
kind = "dense"
units = 512
activation = "relu"
[[network.layer]]
kind = "dense"
units = 10
[train]
epochs = 1
batch = 128
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.05 }
"""


def pressure():
    """Percent of the last ten seconds in which a thread waited for a processor; 0 if unknown."""
    try:
        text = Path("/proc/pressure/cpu").read_text()
    except OSError:
        return 0.0
    return float(text.split("avg10=")[1].split()[0])


def wait_for_quiet(limit=120):
    end = time.time() + limit
    while pressure() >= 1 and time.time() < end:
        time.sleep(1)


def run(binary, folder, machine):
    output = Path(folder) / "roofline.json"
    subprocess.run([binary, "roofline", str(Path(folder) / "deck.toml"), "--machine", machine, "--output",
                    str(output), "--repeats", "400"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return json.loads(output.read_text())["disturbed"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    alarms = {"quiet": 0, "disturbed": 0}
    dropped, costs = 0, []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deck.toml").write_text(DECK)
        machine = str(Path(folder) / "machine.json")
        subprocess.run([arguments.binary, "machine", "--quick", "--output", machine], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for kind in alarms:
            done = 0
            while done < arguments.runs:
                wait_for_quiet()
                spin = None
                if kind == "disturbed":
                    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                try:
                    found = run(arguments.binary, folder, machine)
                finally:
                    if spin:
                        spin.kill()
                        spin.wait()
                moved = found["exchange_pulse"] and found["exchange_pulse"]["max"] > 1.5 * found["exchange_pulse"]["min"]
                if kind == "quiet" and ((found["steal_share"] or 0) >= 0.005 or moved):
                    dropped += 1
                    if dropped > arguments.runs:
                        sys.exit("the hypervisor is too busy for quiet runs")
                    continue
                done += 1
                alarms[kind] += found["alarm"]
                costs.append(found["pulse_share"])
                print(f"{kind:10} {'alarm' if found['alarm'] else '-':6} "
                      f"{found['watched_seconds']:.1f} s  {'; '.join(found['reasons'])}", flush=True)
    print(f"alarms: {alarms['quiet']} of {arguments.runs} quiet runs (wanted 0; {dropped} more dropped: steal, or "
          f"processors moved), {alarms['disturbed']} of {arguments.runs} disturbed ones (wanted all); "
          f"pulses took {100 * max(costs):.2f} % of the time at most")
    sys.exit(alarms["quiet"] > 0 or alarms["disturbed"] < arguments.runs)


if __name__ == "__main__":
    main()
