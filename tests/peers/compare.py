#!/usr/bin/env python3
"""Ridgeline against the newest PyTorch and OpenBLAS, in turn, on this machine.

Every turn runs each of ridgeline and the peer once; what is printed is the median of the turns' ratios
(peer's time / ours: above 1, ridgeline is faster). The peers come from PyPI:

    python3 -m venv peers && peers/bin/pip install torch numpy scipy-openblas32
    peers/bin/python tests/peers/compare.py --ridgeline build/openmp/bin/ridgeline --threads 2
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SQUARE_DECK = """
title = "one product, {size} x {size} x {size}"
[data]
kind = "synthetic"
shape = [{size}]
classes = {size}
samples = {size}
[network]
gemm = "{gemm}"
[[network.layer]]
kind = "dense"
name = "product"
units = {size}
bias = false
[train]
epochs = 1
batch = {size}
loss = "cross_entropy"
optimizer = {{ kind = "sgd", learning_rate = 0.1 }}
"""


def ridgeline_seconds(args, deck, batch, phase, layer=None):
    """Median seconds of a step (or of one layer's forward), as `ridgeline roofline` measures it."""
    with tempfile.NamedTemporaryFile(suffix=".json") as output:
        subprocess.run(
            [args.ridgeline, "roofline", str(deck), "--machine", args.machine, "--space", "openmp",
             "--batch", str(batch), "--phase", phase, "--threads", str(args.threads),
             "--output", output.name],
            check=True, stdout=subprocess.DEVNULL)
        result = json.loads(pathlib.Path(output.name).read_text())
    if layer is None:
        return result["total"]["seconds"]["median"]
    return next(r for r in result["records"] if r["layer"] == layer)["seconds"]["median"]


def median_seconds(body, at_least=0.3):
    """Median seconds of a call: warmed up, at least 10 calls and `at_least` seconds; calls under 50 µs
    in batches."""
    begin = time.perf_counter()
    calls = 0
    while time.perf_counter() - begin < 0.1:
        body()
        calls += 1
    each = (time.perf_counter() - begin) / calls
    batch = max(1, int(200e-6 / each)) if each < 50e-6 else 1
    samples, total = [], 0.0
    while len(samples) < 10 or total < at_least:
        begin = time.perf_counter()
        for _ in range(batch):
            body()
        seconds = time.perf_counter() - begin
        samples.append(seconds / batch)
        total += seconds
    return statistics.median(samples)


def torch_bodies(batch):
    """A training step and an inference of inputs/fashion_mlp.toml's network in PyTorch."""
    import torch

    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(),
        torch.nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9, weight_decay=1e-4)
    loss = torch.nn.CrossEntropyLoss()
    x, labels = torch.rand(batch, 784), torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad()
        loss(model(x), labels).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            model(x)

    return step, infer


def openblas_sgemm(size, threads):
    """One sgemm of the newest OpenBLAS on PyPI, as a call without arguments."""
    import numpy
    import scipy_openblas32

    folder = pathlib.Path(scipy_openblas32.get_lib_dir())
    name = scipy_openblas32.get_library(fullname=True)
    library = ctypes.CDLL(str(folder / name))
    library.scipy_openblas_set_num_threads(threads)
    rng = numpy.random.default_rng(1)
    a, b = (rng.random((size, size), dtype=numpy.float32) for _ in range(2))
    c = numpy.empty((size, size), dtype=numpy.float32)
    pointer = [m.ctypes.data_as(ctypes.c_void_p) for m in (a, b, c)]
    one, zero = ctypes.c_float(1), ctypes.c_float(0)

    def body(keep=(a, b, c)):
        del keep
        # C = A B^T, row-major: the product of a dense layer.
        library.scipy_cblas_sgemm(101, 111, 112, size, size, size, one, pointer[0], size,
                                  pointer[1], size, zero, pointer[2], size)

    return body, scipy_openblas32.__version__


def in_turn(name, ours, peer, turns):
    pairs = [(ours(), peer()) for _ in range(turns)]
    ratios = [theirs / mine for mine, theirs in pairs]
    mine, theirs = (statistics.median(column) for column in zip(*pairs))
    print(f"{name:<44} {mine * 1e3:>9.4f} {theirs * 1e3:>9.4f} {statistics.median(ratios):>7.2f}"
          f"   {min(ratios):.2f} to {max(ratios):.2f}", flush=True)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ridgeline", default=str(root / "build/openmp/bin/ridgeline"))
    parser.add_argument("--machine", help="machine file (measured with --quick if absent)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--only", default="", help="names that contain this alone")
    args = parser.parse_args()
    # Both sides alike: ridgeline pins its threads itself, PyTorch does as its users have it.
    with tempfile.TemporaryDirectory() as folder:
        if not args.machine:
            args.machine = f"{folder}/machine.json"
            subprocess.run([args.ridgeline, "machine", "--quick", "--space", "openmp", "--threads",
                            str(args.threads), "--output", args.machine], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{'':<44} {'ours, ms':>9} {'peer, ms':>9} {'ratio':>7}   range")
        try:
            import torch
            torch.set_num_threads(args.threads)
            deck = root / "inputs/fashion_mlp.toml"
            for batch in (32, 128, 1024):
                name = f"fashion_mlp step, batch {batch}, torch {torch.__version__}"
                if args.only in name:
                    step, _ = torch_bodies(batch)
                    in_turn(name, lambda: ridgeline_seconds(args, deck, batch, "train"),
                            lambda: median_seconds(step), args.turns)
            name = f"fashion_mlp inference, batch 1, torch {torch.__version__}"
            if args.only in name:
                _, infer = torch_bodies(1)
                in_turn(name, lambda: ridgeline_seconds(args, deck, 1, "infer"),
                        lambda: median_seconds(infer), args.turns)
        except ImportError:
            print("no torch: pip install torch", file=sys.stderr)
        try:
            body, version = openblas_sgemm(1024, args.threads)
        except ImportError:
            print("no scipy_openblas32: pip install scipy-openblas32", file=sys.stderr)
            return
        for gemm in ("native", "kokkos_kernels"):
            deck = pathlib.Path(folder) / f"{gemm}.toml"
            deck.write_text(SQUARE_DECK.format(size=1024, gemm=gemm))
            name = f"sgemm 1024^3 {gemm}, OpenBLAS {version}"
            if args.only in name:
                in_turn(name,
                        lambda: ridgeline_seconds(args, deck, 1024, "infer", "product"),
                        lambda: median_seconds(body), args.turns)


if __name__ == "__main__":
    main()
