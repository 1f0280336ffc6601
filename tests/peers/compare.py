#!/usr/bin/env python3
"""Compares Ridgeline with the newest PyTorch and OpenBLAS, alternately, on this machine.

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

# Networks for measurements only; ridgeline generates the data, so that no data need be installed.
HEAD = """
title = "measured against a peer"
[data]
kind = "synthetic"
shape = {shape}
classes = {classes}
samples = {samples}
[network]
gemm = "{gemm}"
"""
TAIL = """
[train]
epochs = 1
batch = {batch}
loss = "cross_entropy"
optimizer = {{ kind = "sgd", learning_rate = 0.1 }}
"""
PRODUCT = """
[[network.layer]]
kind = "dense"
name = "product"
units = {size}
bias = false
"""
# A layer before it, so that the convolution has a gradient of its input to compute.
CONVOLUTION = """
[[network.layer]]
kind = "conv2d"
name = "lift"
channels = 64
kernel = 1
[[network.layer]]
kind = "conv2d"
name = "conv"
channels = 64
kernel = 3
padding = 1
[[network.layer]]
kind = "global_avg_pool"
[[network.layer]]
kind = "dense"
units = 10
"""
LSTM = """
[[network.layer]]
kind = "lstm"
units = 128
[[network.layer]]
kind = "dense"
units = 10
"""


def deck_of(folder, name, layers, shape, batch, classes=10, gemm="native"):
    """Writes a deck of these layers and returns its path."""
    path = pathlib.Path(folder) / f"{name}.toml"
    path.write_text(HEAD.format(shape=shape, classes=classes, samples=classes, gemm=gemm) + layers +
                    TAIL.format(batch=batch))
    return path


def ridgeline_seconds(args, deck, batch, phase, layer=None, phases=("forward",)):
    """Median seconds of a step (or of one layer's phases in it), as `ridgeline roofline` measures it."""
    with tempfile.NamedTemporaryFile(suffix=".json") as output:
        subprocess.run(
            [args.ridgeline, "roofline", str(deck), "--machine", args.machine, "--space", "openmp",
             "--batch", str(batch), "--phase", phase, "--threads", str(args.threads),
             "--output", output.name],
            check=True, stdout=subprocess.DEVNULL)
        result = json.loads(pathlib.Path(output.name).read_text())
    if layer is None:
        return result["total"]["seconds"]["median"]
    return sum(record["seconds"]["median"] for record in result["records"]
               if record["layer"] == layer and record["phase"] in phases)


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


def step_of(model, optimizer, x, labels, clip=None):
    """A training step as a call without arguments."""
    import torch

    def step():
        optimizer.zero_grad()
        logits = model(x)
        torch.nn.functional.cross_entropy(logits.flatten(0, -2), labels).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()

    return step


def inference_of(model, x):
    import torch

    model.eval()

    def infer():
        with torch.inference_mode():
            model(x)

    return infer


def torch_comparisons(args, root, folder):
    """Returns (name, ours, peer) of every comparison with PyTorch; each is a call that returns seconds."""
    import networks
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    sgd, adamw = torch.optim.SGD, torch.optim.AdamW

    def add(name, deck, batch, body, phase="train", **layer):
        comparisons.append((f"{name}, torch {torch.__version__}",
                            lambda: ridgeline_seconds(args, deck, batch, phase, **layer),
                            lambda: median_seconds(body)))

    comparisons = []
    labels = {batch: torch.randint(0, 10, (batch,)) for batch in (16, 32, 128, 1024)}
    mlp, lenet = root / "inputs/fashion_mlp.toml", root / "inputs/fashion_lenet.toml"
    for batch in (32, 128, 1024):
        model = networks.perceptron()
        add(f"fashion_mlp step, batch {batch}", mlp, batch,
            step_of(model, sgd(model.parameters(), lr=0.0, momentum=0.9, weight_decay=1e-4),
                    torch.rand(batch, 784), labels[batch]))
    add("fashion_mlp inference, batch 1", mlp, 1,
        inference_of(networks.perceptron(), torch.rand(1, 784)), "infer")
    for batch in (32, 128):
        model = networks.lenet()
        add(f"fashion_lenet step, batch {batch}", lenet, batch,
            step_of(model, adamw(model.parameters(), lr=0.0), torch.rand(batch, 1, 28, 28),
                    labels[batch]))
    model = networks.resnet()
    add("fashion_resnet step, batch 128", root / "inputs/fashion_resnet.toml", 128,
        step_of(model, sgd(model.parameters(), lr=0.0, momentum=0.9, nesterov=True,
                           weight_decay=5e-4), torch.rand(128, 1, 28, 28), labels[128]))

    conv = torch.nn.Conv2d(64, 64, 3, padding=1)
    x, dy = torch.rand(16, 64, 56, 56), torch.rand(16, 64, 56, 56)
    with_gradient = x.clone().requires_grad_()

    def forward():
        with torch.no_grad():
            conv(x)

    def forward_and_backward():
        with_gradient.grad = None
        conv.zero_grad()
        conv(with_gradient).backward(dy)

    deck = deck_of(folder, "convolution", CONVOLUTION, [1, 56, 56], 16)
    add("conv2d 3x3, 64 to 64, 56x56, batch 16, forward", deck, 16, forward, layer="conv")
    add("conv2d 3x3, 64 to 64, 56x56, batch 16, both", deck, 16, forward_and_backward,
        layer="conv", phases=("forward", "backward"))

    model = networks.LastOfLstm(128, 128, 10)
    add("lstm 128, length 64, batch 32, step", deck_of(folder, "lstm", LSTM, [64, 128], 32), 32,
        step_of(model, sgd(model.parameters(), lr=0.0), torch.rand(32, 64, 128), labels[32]))

    for name, make, batch, optimizer in (("char_transformer", networks.CharTransformer, 16, adamw),
                                         ("char_lstm", networks.CharLstm, 32, torch.optim.Adam)):
        deck = root / f"inputs/{name}.toml"
        model = make(args.vocabulary)
        tokens = torch.randint(0, args.vocabulary, (batch, 65))
        add(f"{name} step, batch {batch}", deck, batch,
            step_of(model, optimizer(model.parameters(), lr=0.0), tokens[:, :-1],
                    tokens[:, 1:].flatten(), clip=1.0))
        add(f"{name} inference, batch 1", deck, 1,
            inference_of(make(args.vocabulary), tokens[:1, :-1]), "infer")
    return comparisons


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
    print(f"{name:<60} {mine * 1e3:>9.4f} {theirs * 1e3:>9.4f} {statistics.median(ratios):>7.2f}"
          f"   {min(ratios):.2f} to {max(ratios):.2f}", flush=True)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ridgeline", default=str(root / "build/openmp/bin/ridgeline"))
    parser.add_argument("--machine", help="machine file (measured with --quick if absent)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--vocabulary", type=int, default=112,
                        help="characters of the text decks' data, for the peer's networks")
    parser.add_argument("--only", default="", help="names that contain this alone")
    args = parser.parse_args()
    # Both sides with their defaults: ridgeline pins its threads, PyTorch does not.
    with tempfile.TemporaryDirectory() as folder:
        if not args.machine:
            args.machine = f"{folder}/machine.json"
            subprocess.run([args.ridgeline, "machine", "--quick", "--space", "openmp", "--threads",
                            str(args.threads), "--output", args.machine], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{'':<60} {'ours, ms':>9} {'peer, ms':>9} {'ratio':>7}   range")
        try:
            for name, ours, peer in torch_comparisons(args, root, folder):
                if args.only in name:
                    in_turn(name, ours, peer, args.turns)
        except ImportError:
            print("no torch: pip install torch", file=sys.stderr)
        try:
            body, version = openblas_sgemm(1024, args.threads)
        except ImportError:
            print("no scipy_openblas32: pip install scipy-openblas32", file=sys.stderr)
            return
        for gemm in ("native", "kokkos_kernels"):
            deck = deck_of(folder, gemm, PRODUCT.format(size=1024), [1024], 1024, 1024, gemm)
            name = f"sgemm 1024^3 {gemm}, OpenBLAS {version}"
            if args.only in name:
                in_turn(name,
                        lambda: ridgeline_seconds(args, deck, 1024, "infer", "product"),
                        lambda: median_seconds(body), args.turns)


if __name__ == "__main__":
    main()
