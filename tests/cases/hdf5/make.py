#!/usr/bin/env python3
"""Writes the HDF5 files beside it: data from external sources, with content that must be rejected.

Each has /train/inputs [20, 4] and /train/targets [20] with three classes, stored in an unusual way.
Needs h5py (Debian: python3-h5py).
"""
import os
import struct
import zlib

import h5py
import numpy

os.chdir(os.path.dirname(os.path.abspath(__file__)))
INPUTS = (numpy.arange(80).reshape(20, 4) % 7).astype("f4")
TARGETS = (numpy.arange(20) % 3).astype("i8")


def new(name):
    return h5py.File(name, "w", libver=("earliest", "v110"))


def with_targets(name):
    file = new(name)
    file["train/targets"] = TARGETS
    return file


# Virtual inputs, of each part of which the rows are those of a dataset of another file.
def with_virtual(name, *parts):
    layout = h5py.VirtualLayout(shape=INPUTS.shape, dtype="f4")
    for rows, source, dataset in parts:
        values = h5py.VirtualSource(source, dataset, shape=INPUTS.shape)
        layout[rows] = values if rows == numpy.s_[:] else values[rows]
    with with_targets(name) as file:
        file.create_virtual_dataset("train/inputs", layout)


# What external links and virtual datasets lead to.
with new("source.h5") as file:
    file["inputs"] = INPUTS
    file["train/inputs"] = INPUTS

with with_targets("external_link.h5") as file:
    file["train/inputs"] = h5py.ExternalLink("source.h5", "/inputs")
with with_targets("soft_to_external.h5") as file:
    file["elsewhere"] = h5py.ExternalLink("source.h5", "/")
    file["train/inputs"] = h5py.SoftLink("/elsewhere/inputs")
with with_targets("soft_link.h5") as file:
    file["values"] = INPUTS
    file["train/inputs"] = h5py.SoftLink("/values")
with with_targets("dangling_link.h5") as file:
    file["train/inputs"] = h5py.SoftLink("/nowhere")
with with_targets("external_storage.h5") as file:
    file.create_dataset("train/inputs", INPUTS.shape, "f4",
                        external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

with_virtual("virtual.h5", (numpy.s_[:], "source.h5", "inputs"))
with_virtual("virtual_without_file.h5", (numpy.s_[:], "nowhere.h5", "inputs"))
with_virtual("virtual_without_dataset.h5", (numpy.s_[:], "source.h5", "nothing"))
with_virtual("virtual_with_gap.h5", (numpy.s_[:10], "source.h5", "inputs"))

with with_targets("gzip.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(5, 4), compression="gzip",
                        shuffle=True, fletcher32=True)
with with_targets("chunked.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(5, 4))
with with_targets("lzf.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(20, 4), compression="lzf")

# 13 GiB that nothing is stored of, chunk by chunk and in one piece, and with little stored.
with new("never_written.h5") as file:
    file.create_dataset("train/inputs", (1 << 30, 4), "f4", chunks=(1 << 18, 4))
    file.create_dataset("train/targets", (1 << 30,), "u1", chunks=(1 << 20,))
with new("never_written_contiguous.h5") as file:
    file.create_dataset("train/inputs", (1 << 20, 4), "f4")
    file["train/targets"] = TARGETS
with new("mostly_unwritten.h5") as file:
    inputs = file.create_dataset("train/inputs", (1 << 30, 4), "f4", chunks=(64, 4),
                                 compression="gzip")
    inputs[:64] = 1
    file.create_dataset("train/targets", (1 << 30,), "u1", chunks=(1 << 20,), compression="gzip")
with with_targets("huge_chunk.h5") as file:
    inputs = file.create_dataset("train/inputs", (20, 4), "f4", chunks=(1 << 26, 4),
                                 maxshape=(None, 4))

# The chunk's rank, one more than the dataset's, is stored in its layout message.
with with_targets("chunk_rank.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(20, 4))
with open("chunk_rank.h5", "rb") as file:
    raw = file.read()
message = bytes([3, 2, 3])  # version 3, chunked, 3 dimensions
at = raw.index(message + b"", raw.index(b"inputs"))
with open("chunk_rank.h5", "wb") as file:
    file.write(raw[:at + 2] + bytes([2]) + raw[at + 3:])

# Chunks of [4, 4] that a damaged layout message says are larger; the last dimension is the element.
def with_chunks(name, rows, columns, **how):
    with with_targets(name) as file:
        file.create_dataset("train/inputs", data=INPUTS, chunks=(4, 4), **how)
    with open(name, "rb") as file:
        raw = bytearray(file.read())
    at = raw.index(message, raw.index(b"inputs")) + 11
    assert raw[at:at + 12] == struct.pack("<3I", 4, 4, 4)
    raw[at:at + 8] = struct.pack("<2I", rows, columns)
    with open(name, "wb") as file:
        file.write(raw)


# A chunk whose stored size, in the index of chunks, is 1.5 GiB.
with open("gzip.h5", "rb") as file:
    raw = bytearray(file.read())
at = raw.index(b"TREE\x01") + 24
raw[at:at + 4] = struct.pack("<I", 0x60000000)
with open("huge_stored_chunk.h5", "wb") as file:
    file.write(raw)
# Rows of 64 MiB, of which the dataset has four numbers; the index of chunks has one chunk for all.
with with_targets("shared_chunk.h5") as file:
    wide = 1 << 24
    inputs = file.create_dataset("train/inputs", INPUTS.shape, "f4", maxshape=(None, None),
                                 chunks=(1, wide), compression="gzip")
    inputs.id.write_direct_chunk((0, 0), zlib.compress(bytes(4 * wide), 9))
    for row in range(1, len(INPUTS)):
        inputs.id.write_direct_chunk((row, 0), b"0")
    chunks = [inputs.id.get_chunk_info(row) for row in range(len(INPUTS))]
with open("shared_chunk.h5", "rb") as file:
    raw = bytearray(file.read())
for chunk in chunks[1:]:
    at = raw.index(struct.pack("<Q", chunk.byte_offset), raw.index(b"TREE\x01"))
    raw[at:at + 8] = struct.pack("<Q", chunks[0].byte_offset)
    raw[at - 32:at - 28] = struct.pack("<I", chunks[0].size)
with open("shared_chunk.h5", "wb") as file:
    file.write(raw)
with_chunks("wider_chunks.h5", 4, 5)
with_chunks("longer_chunks.h5", 5, 4)
with_chunks("wider_gzip_chunks.h5", 4, 5, compression="gzip")
with_chunks("longer_gzip_chunks.h5", 5, 4, compression="gzip")
with_chunks("shorter_gzip_chunks.h5", 3, 4, compression="gzip")
for name, how in (("missing_gzip_chunk.h5", {"compression": "gzip"}),
                  ("missing_checked_chunk.h5", {"compression": "gzip", "fletcher32": True})):
    with with_targets(name) as file:
        inputs = file.create_dataset("train/inputs", INPUTS.shape, "f4", chunks=(5, 4), **how)
        inputs[:15] = INPUTS[:15]
with with_targets("scaleoffset.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(20, 4), scaleoffset=2)
with with_targets("szip.h5") as file:
    file.create_dataset("train/inputs", data=INPUTS, chunks=(20, 4), compression="szip")
with with_targets("long_double.h5") as file:
    file["train/inputs"] = INPUTS.astype(numpy.longdouble)

with new("short_source.h5") as file:
    file.create_dataset("inputs", data=INPUTS[:15], chunks=(5, 4), compression="gzip")
with_virtual("virtual_of_a_shorter.h5", (numpy.s_[:], "short_source.h5", "inputs"))
with_virtual("virtual_with_overlap.h5", (numpy.s_[:10], "source.h5", "inputs"),
             (numpy.s_[5:15], "source.h5", "train/inputs"))
with_virtual("virtual_interleaved.h5", (numpy.s_[::2], "source.h5", "inputs"),
             (numpy.s_[1::2], "source.h5", "train/inputs"))
layout = h5py.VirtualLayout(shape=(4, 20), dtype="f4")
for i in range(4):
    layout[i] = h5py.VirtualSource("source.h5", "inputs", shape=INPUTS.shape)[5 * i:5 * i + 5]
with new("virtual_inputs.h5") as file:
    file.create_virtual_dataset("inputs", layout)
# One dataset under many names, each of which a virtual one has.
layout = h5py.VirtualLayout(shape=(64 * 20, 4), dtype="f4")
with with_targets("virtual_of_many_names.h5") as file:
    file["name0"] = INPUTS
    for i in range(64):
        if i > 0:
            file[f"name{i}"] = file["name0"]
        layout[20 * i:20 * (i + 1)] = h5py.VirtualSource(".", f"name{i}", shape=INPUTS.shape)
    file.create_virtual_dataset("train/inputs", layout)
    del file["train/targets"]
    file["train/targets"] = numpy.tile(TARGETS, 64)

# As many chunks as numbers, more than are read at once.
with with_targets("many_chunks.h5") as file:
    many = numpy.tile(INPUTS.reshape(80, 1), (60, 1))
    file.create_dataset("train/inputs", data=many, chunks=(1, 1))
    del file["train/targets"]
    file["train/targets"] = numpy.tile(TARGETS, 240)
# More files than their size lets HDF5 open.
layout = h5py.VirtualLayout(shape=(500 * 20, 4), dtype="f4")
for i in range(500):
    layout[20 * i:20 * (i + 1)] = h5py.VirtualSource(f"{i}.h5", "inputs", shape=INPUTS.shape)
with with_targets("virtual_of_many_files.h5") as file:
    file.create_virtual_dataset("train/inputs", layout)

with with_targets("float64_too_large.h5") as file:
    inputs = INPUTS.astype("f8")
    inputs[10, 1] = 1e39
    file["train/inputs"] = inputs
with with_targets("column_of_labels.h5") as file:
    file["train/inputs"] = INPUTS
    del file["train/targets"]
    file["train/targets"] = TARGETS.reshape(20, 1)
with new("one_hot.h5") as file:
    file["train/inputs"] = INPUTS
    file["train/targets"] = numpy.eye(3, dtype="f4")[TARGETS]

# Checkpoints.
def checkpoint(name):
    file = new(name)
    file["model/fc/weight"] = numpy.ones((3, 4), "f4")
    return file


with checkpoint("model_soft_link.h5") as file:
    file["model/fc/bias"] = h5py.SoftLink("/model/fc/weight")
with checkpoint("model_external_link.h5") as file:
    file["model/fc/bias"] = h5py.ExternalLink("source.h5", "/inputs")
layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
layout[:] = h5py.VirtualSource("source.h5", "inputs", shape=INPUTS.shape)[:3, 0]
with checkpoint("model_virtual.h5") as file:
    file.create_virtual_dataset("model/fc/bias", layout)
with checkpoint("model_cycle.h5") as file:
    file["model/fc/bias"] = numpy.zeros(3, "f4")
    file["model/again"] = file["model"]
with checkpoint("model_two_names.h5") as file:
    file["model/fc/bias"] = file["model/fc/weight"]
# Its digest is computed before any of its parameters is read.
with checkpoint("model_wide_chunk.h5") as file:
    file.create_dataset("model/fc/bias", data=INPUTS, chunks=(20, 4), compression="gzip")
    file.attrs["digest"] = "x"
with open("model_wide_chunk.h5", "rb") as file:
    raw = bytearray(file.read())
at = raw.index(struct.pack("<3I", 20, 4, 4))
raw[at + 4:at + 8] = struct.pack("<I", 3000)
with open("model_wide_chunk.h5", "wb") as file:
    file.write(raw)
# Texts of variable length without a value.
EMPTY = h5py.Empty(h5py.string_dtype())
with checkpoint("model_null_attribute.h5") as file:
    file.attrs["format"] = EMPTY
with checkpoint("model_null_text.h5") as file:
    file.attrs["format"] = "ridgeline-checkpoint"
    file.attrs["version"] = 1
    file["deck"] = EMPTY
# A sample that takes 1024 times what is stored of it.
with new("../hostile/long_sample.h5") as file:
    inputs = file.create_dataset("train/inputs", (1, 1 << 26), "u1", chunks=(1, 1 << 22),
                                 compression="gzip", compression_opts=9)
    for first in range(0, 1 << 26, 1 << 22):
        inputs[0, first:first + (1 << 22)] = 0
    file["train/targets"] = TARGETS[:1]
