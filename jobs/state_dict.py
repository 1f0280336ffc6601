#!/usr/bin/env python3
"""Turns a checkpoint into a PyTorch state_dict, and a state_dict into a file for --init.

    jobs/state_dict.py to-pytorch fashion_mlp.h5 fashion_mlp.pt
    jobs/state_dict.py to-ridgeline model.pt init.h5 --rename features.0=conv1

A checkpoint's /model/OUTER/INNER/NAME is a state_dict's OUTER.INNER.NAME. Needs h5py and numpy, and
torch for PyTorch's own files alone: a name that ends in .npz is a NumPy archive of the same arrays.
"""
import argparse
import os
import pathlib
import pickle
import sys
import zipfile

try:
    import h5py
    import numpy
except ImportError as error:
    if __name__ != "__main__":
        raise
    print(f"state_dict.py: this Python has no {error.name} (Debian: python3-h5py)", file=sys.stderr)
    sys.exit(2)

# Parameters whose own names hold a dot: those of PyTorch's MultiheadAttention.
DOTTED_NAMES = ("out_proj.weight", "out_proj.bias")
# What tells an attention layer from one that merely has such a name.
ATTENTION_WEIGHT = "in_proj_weight"
# PyTorch's count of batch_norm's batches, which nothing here needs.
LEFT_OUT = "num_batches_tracked"


class ConversionError(Exception):
    """What is wrong with the request, in one line."""


def parameter_paths(keys):
    """The paths below /model of a state_dict's keys: `fc1.weight` is `fc1/weight`."""
    keys = list(keys)
    known = set(keys)
    paths = {}
    for key in keys:
        parts = key.split(".")
        layer = ".".join(parts[:-2])
        if ".".join(parts[-2:]) in DOTTED_NAMES and f"{layer}.{ATTENTION_WEIGHT}" in known:
            parts = parts[:-2] + [".".join(parts[-2:])]
        if len(parts) < 2:
            raise ConversionError(f"{key}: is a parameter of no layer; name one with "
                                  f"--rename {key}=LAYER.{key}")
        if any(part in ("", "..") or "/" in part for part in parts):
            raise ConversionError(f"{key}: has a part that cannot be the name of a layer")
        paths[key] = "/".join(parts)
    groups = {}
    for key, path in paths.items():
        names = path.split("/")
        groups.update({"/".join(names[:depth]): key for depth in range(1, len(names))})
    for key, path in paths.items():
        if path in groups:
            raise ConversionError(f"{key}: is a parameter, and a layer to {groups[path]}")
    return paths


def state_dict_key(path):
    """The key of a parameter at `path` below /model."""
    return path.strip("/").replace("/", ".")


def renamed(keys, renames):
    """New keys by old ones; `renames` are pairs of leading parts, the first that fits is taken."""
    result, origins, used = {}, {}, set()
    for key in keys:
        new = key
        for i, (old, name) in enumerate(renames):
            if key == old or key.startswith(old + "."):
                new = name + key[len(old):]
                used.add(i)
                break
        if new in origins:
            raise ConversionError(f"{origins[new]} and {key}: would both be {new}")
        result[key], origins[new] = new, key
    for i, (old, _) in enumerate(renames):
        if i not in used:
            raise ConversionError(f"--rename {old}: no parameter begins with it")
    return result


def to_state_dict(parameters, prefix="", renames=()):
    """A state_dict's arrays from arrays by path below /model."""
    arrays = {}
    for path, array in parameters.items():
        key = state_dict_key(path)
        if key in arrays:
            raise ConversionError(f"/model/{path}: another parameter would be {key} too")
        arrays[key] = checked(f"/model/{path}", array)
    keys = renamed(arrays, renames)
    for path in parameters:
        layer, key = path.rpartition("/")[0], state_dict_key(path)
        if "." in layer and keys[key] == key:
            raise ConversionError(f"/model/{layer}: has a dot in its name, which a key could not tell "
                                  f"from a layer inside another; --rename {state_dict_key(layer)}=NAME")
    begin = prefix.rstrip(".") + "." if prefix else ""
    return {begin + keys[key]: array for key, array in arrays.items()}


def to_parameters(arrays, prefix="", renames=()):
    """Arrays by path below /model from a state_dict's arrays."""
    begin = prefix.rstrip(".") + "." if prefix else ""
    chosen = {key[len(begin):]: array for key, array in arrays.items()
              if key.startswith(begin) and key.split(".")[-1] != LEFT_OUT}
    if not chosen:
        raise ConversionError(f"no parameter begins with {begin}" if begin else "holds no parameters")
    keys = renamed(chosen, renames)
    chosen = {keys[key]: checked(key, array) for key, array in chosen.items()}
    return {path: chosen[key] for key, path in parameter_paths(chosen).items()}


def checked(key, array):
    """The array as float32 or float64, all of it finite."""
    if array.dtype.kind != "f":
        raise ConversionError(f"{key}: holds {array.dtype}; a parameter is of float32 or float64")
    if array.dtype not in (numpy.float32, numpy.float64):
        array = array.astype(numpy.float32 if array.dtype.itemsize < 4 else numpy.float64)
    if not numpy.isfinite(array).all():
        raise ConversionError(f"{key}: holds a value that is not finite")
    return array


# Files -------------------------------------------------------------------------------------------


def read_checkpoint(file):
    """Arrays by path below /model."""
    parameters = {}

    def visit(path, item):
        if isinstance(item, h5py.Dataset):
            parameters[path] = item[()]

    with h5py.File(file, "r") as opened:
        if not isinstance(opened.get("model"), h5py.Group):
            raise ConversionError("/model is missing: the file holds no network")
        opened["model"].visititems(visit)
    if not parameters:
        raise ConversionError("/model holds no parameters")
    return parameters


def write_init(file, parameters):
    with h5py.File(file, "w", libver=("earliest", "v110")) as opened:
        for path, array in parameters.items():
            opened[f"model/{path}"] = array


def read_state_dict(file):
    """Arrays by key, of a PyTorch file or of a NumPy archive."""
    if is_archive(file):
        archive = numpy.load(file, allow_pickle=False)
        if not isinstance(archive, numpy.lib.npyio.NpzFile):
            raise ConversionError("holds one array, and no archive of several; save with numpy.savez")
        with archive:
            return dict(archive)
    torch = import_torch(file)
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConversionError("is no PyTorch file of tensors alone, which a state_dict is; save "
                              "model.state_dict()") from None
    if not isinstance(loaded, dict):
        raise ConversionError(f"holds no state_dict, but a {type(loaded).__name__}")
    arrays = {}
    for key, value in loaded.items():
        if not isinstance(value, torch.Tensor):
            raise ConversionError(f"holds no state_dict: its entry {key} is of type "
                                  f"{type(value).__name__}; save model.state_dict() alone")
        value = value.detach()
        # NumPy does not know bfloat16, and float32 holds all of it.
        arrays[key] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return arrays


def write_state_dict(file, arrays, named):
    if is_archive(named):
        with open(file, "wb") as opened:
            numpy.savez(opened, **arrays)
        return
    torch = import_torch(named)
    torch.save({key: torch.from_numpy(numpy.array(array)) for key, array in arrays.items()}, file)


def is_archive(file):
    return str(file).endswith(".npz")


def import_torch(file):
    try:
        import torch
    except ImportError:
        raise ConversionError("is a PyTorch file, and Python has no torch here; a name that ends in "
                              ".npz is a NumPy archive, which needs none") from None
    return torch


def read(file, how):
    """What `how` reads; every failure is one line that names the file."""
    if not os.path.exists(file):
        raise ConversionError(f"{file}: no such file")
    try:
        return how(file)
    except ConversionError as error:
        raise ConversionError(f"{file}: {error}") from None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConversionError(f"{file}: cannot be read: {line}") from None


def write(file, how):
    """Writes beside `file` and renames, so that there is all of it or none."""
    partial = pathlib.Path(f"{file}.partial")
    try:
        how(partial)
        os.replace(partial, file)
    except ConversionError as error:
        raise ConversionError(f"{file}: {error}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise ConversionError(f"{file}: cannot be written: {str(error).splitlines()[0]}") from None
    finally:
        partial.unlink(missing_ok=True)


# The command -------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message}; see --help")


def fail(message):
    print(f"state_dict.py: {message}", file=sys.stderr)
    sys.exit(2)


def rename(text):
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{text}: must be OLD=NEW, leading parts of a key")
    return old, new


def parser():
    top = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="to-pytorch | to-ridgeline")
    for verb, source, target, prefix in (
            ("to-pytorch", "CHECKPOINT.h5", "MODEL.pt", "put before every key"),
            ("to-ridgeline", "MODEL.pt", "INIT.h5", "taken off the keys; the others are left out")):
        one = verbs.add_parser(verb, help=f"{source} {target}")
        one.add_argument("source", metavar=source)
        one.add_argument("target", metavar=target)
        one.add_argument("--prefix", default="", metavar="NAME", help=prefix)
        one.add_argument("--rename", type=rename, action="append", default=[], metavar="OLD=NEW",
                         help="leading parts of keys, such as features.0=conv1; repeatable")
    return top


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        if options.verb == "to-pytorch":
            arrays = read(options.source, lambda file: to_state_dict(
                read_checkpoint(file), options.prefix, options.rename))
            write(options.target, lambda partial: write_state_dict(partial, arrays, options.target))
        else:
            parameters = read(options.source, lambda file: to_parameters(
                read_state_dict(file), options.prefix, options.rename))
            write(options.target, lambda partial: write_init(partial, parameters))
    except ConversionError as error:
        fail(error)


if __name__ == "__main__":
    main()
