#!/usr/bin/env python3
"""Computes the references that the tests compare with: PyTorch's results in float64.

    python3 tests/references/make.py [--only layers|networks|training]

writes layers.h5, networks.h5 and training.h5 beside this file. Needs torch, h5py and numpy. Inputs,
parameters and incoming gradients are exact in float32, so that both precisions begin with the same
numbers; results are float64. Random numbers come from fixed seeds, a case's from its name alone.

layers.h5     /KIND/CASE, attributes `keys` (the layer's, TOML) and `mode` (training | inference):
              x, parameters/NAME, y; in training dy, dx (not of tokens), gradients/NAME, and after/NAME
              for statistics that the pass keeps; `x_before` where another batch went before.
networks.h5   /CASE, attributes `deck` and `classes` (0: none): x, labels or targets, output,
              parameters/LAYER/NAME, loss, gradients/LAYER/NAME.
training.h5   /CASE, attributes `deck` and `classes`: x, labels, parameters/LAYER/NAME; after ten steps
              after/LAYER/NAME; losses and rates of the steps.
"""
import argparse
import contextlib
import math
import pathlib
import tomllib
import zlib

import h5py
import numpy
import torch
from torch.nn import functional

import network_cases
from layer_cases import layer_cases
from torch_layers import build, kinks, make_layer

FOLDER = pathlib.Path(__file__).resolve().parent
# Closer to a point without a derivative, rounding could decide on which side a float32 is.
NEAREST_KINK = 1e-4

DECK = """[data]
kind = "hdf5"
path = "none.h5"
[network]
precision = "float64"
{layers}
[train]
epochs = {epochs}
batch = {batch}
loss = "{loss}"
{train}"""


def main():
    parser = argparse.ArgumentParser(description="Computes the tests' references with PyTorch.")
    parser.add_argument("--only", choices=("layers", "networks", "training"))
    only = parser.parse_args().only
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for name, write in (("layers", write_layers), ("networks", write_networks),
                        ("training", write_training)):
        if only in (None, name):
            with reference_file(f"{name}.h5") as file:
                write(file)


@contextlib.contextmanager
def reference_file(name):
    partial = FOLDER / f"{name}.partial"
    # Compact groups, which HDF5 1.8 and newer read; the file's history is left out.
    with h5py.File(partial, "w", libver=("v108", "v108")) as file:
        yield file
        cases = sum(1 for _ in leaves(file))
    partial.replace(FOLDER / name)
    print(f"{name}: {cases} datasets, {(FOLDER / name).stat().st_size / 1024:.0f} KiB")


def leaves(group):
    for value in group.values():
        if isinstance(value, h5py.Group):
            yield from leaves(value)
        else:
            yield value


def put(group, path, values, kind=numpy.float64):
    """Writes an array, as float32 if that is exact."""
    array = values.detach().numpy() if isinstance(values, torch.Tensor) else numpy.asarray(values)
    stored = array.astype(kind)
    assert (stored == array).all() and numpy.isfinite(stored).all(), path
    large = stored.nbytes > 4096 and kind != numpy.float64
    group.create_dataset(path, data=stored, **({"compression": "gzip", "shuffle": True} if large else {}))


def put_parameters(group, folder, named, kind=numpy.float64):
    """Writes one dataset per parameter, with its path in a checkpoint below /model."""
    for key, values in named.items():
        put(group, f"{folder}/{dataset_path(key)}", values, kind)


def dataset_path(key):
    head, dot, tail = key.partition("out_proj.")
    return head.replace(".", "/") + dot + tail


def rounded(values):
    return values.float().double()


def draw_parameters(module):
    """Returns random parameters, without special values such as zeros and ones."""
    for key, values in module.state_dict().items():
        name = key.rpartition(".")[2]
        if name == "num_batches_tracked":
            continue
        owner = module.get_submodule(key.rpartition(".")[0])
        if name == "running_var":
            values.uniform_(0.5, 2)
        elif isinstance(owner, (torch.nn.BatchNorm1d, torch.nn.LayerNorm)):
            values.normal_(1 if name == "weight" else 0, 0.3)
        elif values.abs().max() == 0:
            values.uniform_(-0.5, 0.5)
        values.copy_(rounded(values))


def state(module):
    return {key: values.detach().clone() for key, values in module.state_dict().items()
            if not key.endswith("num_batches_tracked")}


def gradients(module):
    return {key: parameter.grad.clone() for key, parameter in module.named_parameters()}


def statistics(module):
    return {key: values for key, values in state(module).items() if "running_" in key}


def away_from_kinks(name, compute):
    """Returns the result of compute() with the first seed that keeps the distance."""
    for attempt in range(1000):
        torch.manual_seed(zlib.crc32(f"{name} {attempt}".encode()))
        kinks()
        result = compute()
        if kinks() > NEAREST_KINK:
            return result
    raise RuntimeError(f"{name}: every seed comes too near to a kink")


# Layers ------------------------------------------------------------------------------------------


def write_layers(file):
    for kind, name, keys, shape, batch, how in layer_cases():
        write = away_from_kinks(f"{kind}/{name}", lambda: layer_case(kind, keys, shape, batch, how))
        group = file.create_group(f"{kind}/{name}")
        write(group)


def layer_case(kind, keys, shape, batch, how):
    tokens, mode = how.get("tokens"), how.get("mode", "training")
    text = f'kind = "{kind}"\n{keys}'.strip() + "\n"
    layer = make_layer(tomllib.loads(text), shape)
    draw_parameters(layer)
    layer.train(mode == "training")
    number = numpy.int32 if tokens else numpy.float32

    def inputs():
        if tokens:
            return torch.randint(tokens, (batch, *shape))
        return rounded(torch.randn(batch, *shape) * how.get("scale", 1) + 0.1)

    before = state(layer)
    earlier = [inputs() for _ in range(how.get("passes", 1) - 1)]
    for x in earlier:
        layer(x)
    x = inputs()
    x.requires_grad_(not tokens)
    y = layer(x)
    dy = rounded(torch.randn_like(y))
    after = statistics(layer)
    if mode == "training":
        y.backward(dy)

    def write(group):
        group.attrs["keys"] = text
        group.attrs["mode"] = mode
        for x_before in earlier:
            put(group, "x_before", x_before, number)
        put(group, "x", x, number)
        put(group, "y", y)
        put_parameters(group, "parameters", before, numpy.float32)
        if mode == "training":
            put(group, "dy", dy, numpy.float32)
            if not tokens:
                put(group, "dx", x.grad)
            put_parameters(group, "gradients", gradients(layer))
            put_parameters(group, "after", after)

    return write


# Networks ----------------------------------------------------------------------------------------


def loss_of(train, output, target):
    if train["loss"] == "mse":
        return functional.mse_loss(output, target)
    if train["loss"] == "binary_cross_entropy":
        return functional.binary_cross_entropy_with_logits(output, target)
    classes = output.shape[-1]
    return functional.cross_entropy(output.reshape(-1, classes), target.reshape(-1),
                                    label_smoothing=train.get("label_smoothing", 0.0))


def draw_samples(count, shape, classes, tokens, loss, output_shape, scale=1):
    """Returns inputs, and labels (one per sample or one per position) or values."""
    x = torch.randint(tokens, (count, *shape)) if tokens else rounded(torch.randn(count, *shape) * scale)
    if classes:
        return x, torch.randint(classes, (count, *output_shape[:-1]))
    if loss == "binary_cross_entropy":  # some are certain
        values = torch.rand(count, *output_shape) * 1.6 - 0.3
        return x, rounded(values.clamp(0, 1))
    return x, rounded(torch.randn(count, *output_shape))


def put_samples(group, deck, x, target, classes, tokens):
    group.attrs["deck"] = deck
    group.attrs["classes"] = classes
    put(group, "x", x, numpy.int32 if tokens else numpy.float32)
    if classes:
        put(group, "labels", target, numpy.int32)
    else:
        put(group, "targets", target, numpy.float32)


def write_networks(file):
    for name, layers, shape, loss, batch, how in network_cases.network_cases():
        write = away_from_kinks(name, lambda: network_case(layers, shape, loss, batch, how))
        write(file.create_group(name))


def network_case(layers, shape, loss, batch, how):
    train = 'optimizer = { kind = "sgd", learning_rate = 0.1 }\n' + how.get("train", "")
    deck = DECK.format(layers=layers, epochs=1, batch=batch, loss=loss, train=train)
    table = tomllib.loads(deck)
    network = build(table["network"]["layer"], shape)
    draw_parameters(network)
    before = state(network)
    classes, tokens = how.get("classes", 0), how.get("tokens", 0)
    output_shape = network.eval()(torch.zeros(2, *shape, dtype=torch.int64 if tokens else None)).shape[1:]
    network.train()
    kinks()
    x, target = draw_samples(batch, shape, classes, tokens, loss, output_shape, how.get("scale", 1))
    output = network(x)
    value = loss_of(table["train"], output, target)
    value.backward()

    def write(group):
        put_samples(group, deck, x, target, classes, tokens)
        put_parameters(group, "parameters", before, numpy.float32)
        put(group, "output", output)
        put(group, "loss", value)
        put_parameters(group, "gradients", gradients(network))

    return write


# Training ----------------------------------------------------------------------------------------


def make_optimizer(network, table):
    options = {key: value for key, value in table.items() if key != "kind"}
    options["lr"] = options.pop("learning_rate")
    if "epsilon" in options:
        options["eps"] = options.pop("epsilon")
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
             "rmsprop": torch.optim.RMSprop}
    return kinds[table["kind"]](network.parameters(), **options)


def rate(schedule, highest, step, steps, epoch):
    """Returns the learning rate of a step, as src/network/schedule.hpp defines it."""
    warm = schedule.get("warmup_steps", 0)
    if step < warm:
        return highest * (step + 1) / warm
    if schedule["kind"] == "step":
        return highest * schedule["factor"] ** (epoch // schedule["every"])
    if schedule["kind"] == "cosine":
        final = schedule.get("final", 0.0)
        return final + (highest - final) * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
    return highest


def write_training(file):
    for name, layers, shape, train in network_cases.training_cases():
        torch.manual_seed(zlib.crc32(name.encode()))
        training_case(file.create_group(name), layers, shape, train)


def training_case(group, layers, shape, train):
    samples, batch, epochs = network_cases.SAMPLES, network_cases.BATCH, network_cases.EPOCHS
    deck = DECK.format(layers=layers, epochs=epochs, batch=batch, loss="cross_entropy", train=train)
    table = tomllib.loads(deck)
    options = table["train"]
    network = build(table["network"]["layer"], shape)
    draw_parameters(network)
    before = state(network)
    x, labels = draw_samples(samples, shape, 5, 0, "cross_entropy", [5])
    optimizer = make_optimizer(network, options["optimizer"])
    schedule = options.get("schedule", {"kind": "constant"})
    starts = list(range(0, samples, batch))
    losses, rates, norms = [], [], []
    for step in range(epochs * len(starts)):
        begin = starts[step % len(starts)]
        loss = loss_of(options, network(x[begin:begin + batch]), labels[begin:begin + batch])
        optimizer.zero_grad()
        loss.backward()
        if "clip_norm" in options:
            norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), options["clip_norm"]).item())
        rates.append(rate(schedule, options["optimizer"]["learning_rate"], step,
                          epochs * len(starts), step // len(starts)))
        for parameters in optimizer.param_groups:
            parameters["lr"] = rates[-1]
        optimizer.step()
        losses.append(loss.item())
    if norms:  # of both kinds, otherwise the case tests little
        assert min(norms) < options["clip_norm"] < max(norms), (group.name, norms)
    put_samples(group, deck, x, labels, 5, 0)
    put_parameters(group, "parameters", before, numpy.float32)
    put_parameters(group, "after", state(network))
    put(group, "losses", losses)
    put(group, "rates", rates)


if __name__ == "__main__":
    main()
