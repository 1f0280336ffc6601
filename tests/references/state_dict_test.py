#!/usr/bin/env python3
"""Conversion to PyTorch and back: jobs/state_dict.py and `ridgeline` with the same weights.

    RIDGELINE=build/openmp/bin/ridgeline python3 tests/references/state_dict_test.py

What needs torch says that it skips where Python has none. What the script refuses, and how it writes, is
in state_dict_files_test.py, a checkpoint's digest in state_dict_digest_test.py.
"""
import collections
import json
import os
import pathlib
import pickle
import subprocess
import sys
import tomllib
import unittest
import warnings

import h5py
import numpy

from state_dict_support import Scratch, needs_torch, parameters_of, state_dict, torch

RIDGELINE = os.environ.get("RIDGELINE")

DECK = """[data]
kind = "hdf5"
path = "data.h5"
[network]
precision = "float64"
{layers}
[train]
epochs = 2
batch = 8
loss = "cross_entropy"
optimizer = {{ kind = "sgd", learning_rate = 0.1, momentum = 0.9 }}
"""
PERCEPTRON = """
[[network.layer]]
kind = "dense"
name = "fc1"
units = 9
activation = "tanh"
[[network.layer]]
kind = "dense"
name = "fc2"
units = 6
activation = "gelu"
[[network.layer]]
kind = "dense"
units = 4
"""
IMAGES = """
[[network.layer]]
kind = "conv2d"
name = "stem"
channels = 4
kernel = 3
[[network.layer]]
kind = "batch_norm"
name = "norm"
[[network.layer]]
kind = "residual"
name = "block"
activation = "relu"
shortcut = [ { kind = "conv2d", name = "project", channels = 6, kernel = 1, stride = 2, bias = false } ]
layer = [ { kind = "conv2d", channels = 6, kernel = 3, stride = 2, padding = 1 }, { kind = "batch_norm" } ]
[[network.layer]]
kind = "global_avg_pool"
[[network.layer]]
kind = "dense"
name = "last"
units = 4
"""
SEQUENCES = """
[[network.layer]]
kind = "position_embedding"
[[network.layer]]
kind = "residual"
name = "mix"
layer = [ { kind = "layer_norm" }, { kind = "attention", name = "attn", heads = 2, causal = true } ]
[[network.layer]]
kind = "lstm"
units = 5
return_sequence = true
[[network.layer]]
kind = "gru"
units = 5
[[network.layer]]
kind = "dense"
name = "last"
units = 4
"""


class Keys(unittest.TestCase):
    def test_layers_inside_layers_are_joined_by_dots(self):
        paths = ["fc1/weight", "block/inner/bias", "block/shortcut/conv2d1/weight",
                 "attn/in_proj_weight", "attn/out_proj.weight", "attn/out_proj.bias"]
        keys = ["fc1.weight", "block.inner.bias", "block.shortcut.conv2d1.weight",
                "attn.in_proj_weight", "attn.out_proj.weight", "attn.out_proj.bias"]
        self.assertEqual([state_dict.state_dict_key(path) for path in paths], keys)
        self.assertEqual(state_dict.parameter_paths(keys), dict(zip(keys, paths)))

    def test_a_layer_that_is_merely_called_out_proj_is_a_layer(self):
        self.assertEqual(state_dict.parameter_paths(["out_proj.weight", "block.out_proj.bias"]),
                         {"out_proj.weight": "out_proj/weight", "block.out_proj.bias": "block/out_proj/bias"})

    def test_keys_without_a_layer_or_with_strange_parts_are_refused(self):
        for key, says in (("weight", "is a parameter of no layer"), ("a..weight", "cannot be"),
                          ("a/b.weight", "cannot be")):
            with self.assertRaisesRegex(state_dict.ConversionError, says):
                state_dict.parameter_paths([key])

    def test_a_parameter_cannot_be_a_layer_too(self):
        with self.assertRaisesRegex(state_dict.ConversionError, "a.b: is a parameter, and a layer"):
            state_dict.parameter_paths(["a.b", "a.b.c.weight"])

    def test_renames_are_of_whole_leading_parts(self):
        keys = ["features.1.weight", "features.10.weight", "head.bias"]
        self.assertEqual(list(state_dict.renamed(keys, [("features.1", "conv"), ("head", "fc.last")]).values()),
                         ["conv.weight", "features.10.weight", "fc.last.bias"])
        with self.assertRaisesRegex(state_dict.ConversionError, "--rename feat: no parameter"):
            state_dict.renamed(keys, [("feat", "conv")])
        with self.assertRaisesRegex(state_dict.ConversionError, "would both be"):
            state_dict.renamed(["a.weight", "b.weight"], [("a", "b")])


class Archives(Scratch):
    def some_parameters(self):
        def draw(*shape, kind=numpy.float64):
            return self.random.standard_normal(shape).astype(kind)

        return {"fc1/weight": draw(3, 4), "fc1/bias": draw(3, kind=numpy.float32),
                "block/norm/running_var": draw(5) ** 2, "block/shortcut/up/weight": draw(2, 3, 1, 1),
                "attn/in_proj_weight": draw(6, 2), "attn/in_proj_bias": draw(6),
                "attn/out_proj.weight": draw(2, 2), "attn/out_proj.bias": draw(2)}

    def test_round_trip_gives_the_same_bits(self):
        parameters = self.some_parameters()
        checkpoint = self.checkpoint(parameters)
        archive, init = self.folder / "model.npz", self.folder / "init.h5"
        self.converted("to-pytorch", checkpoint, archive)
        with numpy.load(archive) as opened:
            self.expect_same_bits({key: opened[key] for key in opened},
                                  {path.replace("/", "."): array for path, array in parameters.items()})
        self.converted("to-ridgeline", archive, init)
        self.expect_same_bits(parameters_of(init), parameters)
        with h5py.File(init, "r") as opened:
            self.assertEqual(list(opened), ["model"])
            self.assertEqual(len(opened.attrs), 0)

    def test_prefix_and_renames_there_and_back(self):
        parameters = self.some_parameters()
        checkpoint = self.checkpoint(parameters)
        archive, init = self.folder / "model.npz", self.folder / "init.h5"
        self.converted("to-pytorch", checkpoint, archive, "--prefix", "module", "--rename", "fc1=0",
                       "--rename", "block.shortcut=down")
        with numpy.load(archive) as opened:
            self.assertIn("module.0.weight", opened)
            self.assertIn("module.down.up.weight", opened)
        self.converted("to-ridgeline", archive, init, "--prefix", "module.", "--rename", "0=fc1",
                       "--rename", "down=block.shortcut")
        self.expect_same_bits(parameters_of(init), parameters)
        self.refused("to-ridgeline", archive, self.folder / "no.h5", "--prefix", "modul",
                     says="no parameter begins with modul.")

    def test_counts_of_batches_are_dropped_and_half_precision_is_widened(self):
        archive, init = self.folder / "model.npz", self.folder / "init.h5"
        numpy.savez(archive, **{"norm.weight": numpy.ones(3, numpy.float16),
                                "norm.num_batches_tracked": numpy.array(7)})
        self.converted("to-ridgeline", archive, init)
        self.expect_same_bits(parameters_of(init), {"norm/weight": numpy.ones(3, numpy.float32)})

    def test_what_cannot_be_converted_is_refused_in_one_line(self):
        archive, init, none = self.folder / "model.npz", self.folder / "init.h5", self.folder / "none.npz"
        self.refused("to-ridgeline", none, init, says=f"{none}: no such file")
        for values, says in ((numpy.arange(3), "fc.weight: holds int64"),
                             (numpy.array([1.0, numpy.nan]), "fc.weight: holds a value that is not finite")):
            numpy.savez(archive, **{"fc.weight": values})
            self.refused("to-ridgeline", archive, init, says=f"{archive}: {says}")
        numpy.savez(archive, weight=numpy.ones(3))
        self.refused("to-ridgeline", archive, init, says="--rename weight=LAYER.weight")
        self.refused("to-ridgeline", archive, init, "--rename", "fc1", says="must be OLD=NEW")
        self.refused("to-pytorch", archive, none, says=f"{archive}: cannot be read")
        with h5py.File(self.folder / "data.h5", "w") as opened:
            opened["inputs"] = numpy.ones(3)
        self.refused("to-pytorch", self.folder / "data.h5", none, says="/model is missing")
        checkpoint = self.checkpoint(self.some_parameters())
        self.refused("to-pytorch", checkpoint, self.folder / "nowhere" / "model.npz",
                     says="there is no such folder")
        self.refused("sideways", checkpoint, none, says="invalid choice")

    def test_a_dot_in_a_layers_name_needs_another_name(self):
        checkpoint = self.checkpoint({"block.1/weight": numpy.ones((2, 3))})
        archive, init = self.folder / "model.npz", self.folder / "init.h5"
        self.refused("to-pytorch", checkpoint, archive, says="/model/block.1: has a dot in its name")
        self.converted("to-pytorch", checkpoint, archive, "--rename", "block.1=one")
        self.converted("to-ridgeline", archive, init)
        self.expect_same_bits(parameters_of(init), {"one/weight": numpy.ones((2, 3))})


@unittest.skipIf(RIDGELINE is None, "the environment variable RIDGELINE names no ridgeline")
class Networks(Scratch):
    @classmethod
    def setUpClass(cls):
        result = subprocess.run([RIDGELINE, "info", "--json"], capture_output=True, check=True)
        info = json.loads(result.stdout)
        if "cuda" in info["spaces"] and info["cuda_devices"] == 0:
            raise unittest.SkipTest(info.get("cuda_devices_note", "no CUDA device"))

    def ridgeline(self, *arguments):
        result = subprocess.run([RIDGELINE, *map(str, arguments)], cwd=self.folder, text=True,
                                capture_output=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def experiment(self, layers, shape):
        """Data, a deck and the checkpoint of a trained network."""
        with h5py.File(self.folder / "data.h5", "w") as data:
            for split, samples in (("train", 40), ("test", 8)):
                data[f"{split}/inputs"] = self.random.standard_normal((samples, *shape))
                data[f"{split}/targets"] = self.random.integers(4, size=samples)
        with h5py.File(self.folder / "x.h5", "w") as data:
            data["inputs"] = self.random.standard_normal((11, *shape))
        (self.folder / "deck.toml").write_text(DECK.format(layers=layers))
        return self.trained("trained.h5")

    def trained(self, checkpoint, *options):
        self.ridgeline("train", "deck.toml", "--quiet", "--checkpoint", checkpoint, *options)
        return self.folder / checkpoint

    def outputs(self, checkpoint):
        self.ridgeline("infer", "deck.toml", "--checkpoint", checkpoint, "--input", "x.h5", "--output", "y.h5")
        with h5py.File(self.folder / "y.h5", "r") as file:
            return file["outputs"][()]

    def check_round_trip(self, middle):
        checkpoint, init = self.experiment(PERCEPTRON, [6]), self.folder / "init.h5"
        self.converted("to-pytorch", checkpoint, self.folder / middle)
        self.converted("to-ridgeline", self.folder / middle, init)
        self.expect_same_bits(parameters_of(init), parameters_of(checkpoint))
        self.assertEqual(self.outputs(init).tobytes(), self.outputs(checkpoint).tobytes())
        from_init = self.trained("a.h5", "--init", init)
        from_checkpoint = self.trained("b.h5", "--init", checkpoint)
        self.expect_same_bits(parameters_of(from_init), parameters_of(from_checkpoint))

    def test_infer_and_train_give_the_same_bits_after_the_round_trip(self):
        self.check_round_trip("model.npz")

    def test_a_float32_network_stays_float32(self):
        self.experiment(PERCEPTRON, [6])
        checkpoint = self.trained("single.h5", "--set", "network.precision=float32")
        self.converted("to-pytorch", checkpoint, self.folder / "model.npz")
        self.converted("to-ridgeline", self.folder / "model.npz", self.folder / "init.h5")
        found = parameters_of(self.folder / "init.h5")
        self.expect_same_bits(found, parameters_of(checkpoint))
        self.assertEqual({array.dtype for array in found.values()}, {numpy.dtype(numpy.float32)})

    @needs_torch
    def test_the_same_through_a_pytorch_file(self):
        self.check_round_trip("model.pt")

    def loaded(self, network, file):
        network.load_state_dict(torch.load(file, weights_only=True), strict=True)
        network.eval()
        with h5py.File(self.folder / "x.h5", "r") as data, torch.no_grad():
            return network(torch.from_numpy(data["inputs"][()])).numpy()

    def expect_close(self, found, expected):
        error = numpy.linalg.norm(found - expected) / numpy.linalg.norm(expected)
        self.assertLess(error, 1e-10)

    @needs_torch
    def test_a_sequential_gives_what_infer_gives(self):
        checkpoint, file = self.experiment(PERCEPTRON, [6]), self.folder / "model.pt"
        self.converted("to-pytorch", checkpoint, file)
        network = torch.nn.Sequential(collections.OrderedDict(
            fc1=torch.nn.Linear(6, 9), tanh=torch.nn.Tanh(), fc2=torch.nn.Linear(9, 6),
            gelu=torch.nn.GELU(), dense3=torch.nn.Linear(6, 4))).double()
        self.expect_close(self.loaded(network, file), self.outputs(checkpoint))

    @needs_torch
    def test_a_pytorch_model_gives_what_infer_gives(self):
        self.experiment(PERCEPTRON, [6])
        network = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.Tanh(), torch.nn.Linear(9, 6),
                                      torch.nn.GELU(), torch.nn.Linear(6, 4)).double()
        file, init = self.folder / "model.pt", self.folder / "init.h5"
        torch.save(network.state_dict(), file)
        self.converted("to-ridgeline", file, init, "--rename", "0=fc1", "--rename", "2=fc2",
                       "--rename", "4=dense3")
        self.expect_close(self.outputs(init), self.loaded(network, file))

    @needs_torch
    def test_every_layer_with_parameters_gives_what_infer_gives(self):
        import torch_layers

        for layers, shape in ((IMAGES, [2, 8, 8]), (SEQUENCES, [7, 6])):
            checkpoint, file = self.experiment(layers, shape), self.folder / "model.pt"
            self.converted("to-pytorch", checkpoint, file)
            network = torch_layers.build(tomllib.loads(DECK.format(layers=layers))["network"]["layer"], shape)
            self.expect_close(self.loaded(network, file), self.outputs(checkpoint))


@needs_torch
class PyTorchFiles(Scratch):
    """Files that hold no state_dict of parameters."""

    def setUp(self):
        super().setUp()
        self.file, self.init = self.folder / "model.pt", self.folder / "init.h5"
        warnings.simplefilter("ignore")  # PyTorch warns that some objects created here are unfinished or deprecated

    def refused_object(self, what, says):
        torch.save(what, self.file)
        self.refused("to-ridgeline", self.file, self.init, says=f"{self.file}: {says}")

    def test_other_objects(self):
        for what, says in ((torch.ones(3), "holds no state_dict, but a Tensor"),
                           ({"epoch": 3, "fc.weight": torch.ones(3)},
                            "holds no state_dict: its entry epoch is of type int"),
                           ({}, "holds no parameters"), (None, "holds no state_dict"),
                           # A pickled module, which could run code.
                           (torch.nn.Linear(2, 3), "is not a PyTorch file of tensors alone")):
            self.refused_object(what, says)

    def test_keys_that_are_no_text(self):
        for key in (1, (1, 2), b"fc.weight", None):
            self.refused_object({key: torch.ones(3)}, f"holds no state_dict: its key {key} is of type "
                                                      f"{type(key).__name__}, and no text")
        self.refused_object({"f\0c.weight": torch.ones(3)}, "f\\x00c.weight: holds the character U+0000")
        self.refused_object({"f\nc.weight": torch.ones(3)}, "f\\nc.weight: holds the character U+000A")

    def test_tensors_of_other_types(self):
        names = [name for name in dir(torch) if name.startswith(("float8_", "float4_"))]
        for name in (*names, "complex64", "complex128", "complex32", "int64", "bool"):
            values = torch.empty(2, 2, dtype=getattr(torch, name))
            self.refused_object({"fc.weight": values}, f"fc.weight: holds {name}; a parameter is of float32")

    def test_tensors_of_other_layouts(self):
        square = torch.eye(4)
        for values, says in ((square.to_sparse(), "a sparse tensor"),
                             (square.to_sparse_csr(), "a sparse tensor"),
                             (torch.empty(2, 2, device="meta"), "a meta tensor"),
                             (torch.quantize_per_tensor(square, 0.1, 0, torch.qint8), "a quantised tensor")):
            self.refused_object({"fc.weight": values}, f"fc.weight: is {says}")
        self.refused_object({"fc.weight": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, "")

    def test_views_and_half_precision_are_converted(self):
        values = torch.arange(6.0).reshape(2, 3)
        torch.save({"a.weight": values.t(), "b.weight": torch.ones(1).expand(3), "c.weight": values.bfloat16(),
                    "d.weight": torch.nn.Parameter(values.double())}, self.file)
        self.converted("to-ridgeline", self.file, self.init)
        self.expect_same_bits(parameters_of(self.init), {
            "a/weight": values.t().numpy(), "b/weight": numpy.ones(3, "f4"), "c/weight": values.numpy(),
            "d/weight": values.double().numpy()})

    def test_files_of_other_programs_and_damaged_ones(self):
        torch.save({"fc.weight": torch.ones(3)}, self.file)
        sound = self.file.read_bytes()
        torch.save({"fc.weight": torch.ones(3)}, self.file, _use_new_zipfile_serialization=False)
        legacy = self.file.read_bytes()
        numpy.savez(self.folder / "a.npz", **{"fc.weight": numpy.ones(3)})
        for contents in (b"", b"no PyTorch file\n", os.urandom(999), pickle.dumps({"fc.weight": numpy.ones(3)}),
                         pickle.dumps({"fc.weight": 1.0}), sound[:len(sound) // 2], legacy[:len(legacy) // 2],
                         (self.folder / "a.npz").read_bytes(),
                         pathlib.Path(sys.executable).read_bytes()[:9999]):
            self.file.write_bytes(contents)
            self.refused("to-ridgeline", self.file, self.init, says=f"{self.file}: ")

    def test_a_whole_torchscript_network(self):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), self.file)
        self.refused("to-ridgeline", self.file, self.init, says=f"{self.file}: is a whole TorchScript network")


if __name__ == "__main__":
    unittest.main()
