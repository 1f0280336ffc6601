#!/usr/bin/env python3
"""Writes spirals.h5: points of three spirals in the plane, with the spiral's number as label.

Replace `spirals` by whatever loads your data: rows of numbers, or images [samples, channels, height,
width], and one label per row.
"""
import h5py
import numpy


def spirals(count, seed):
    random = numpy.random.default_rng(seed)
    label = random.integers(0, 3, count)
    radius = random.random(count)
    angle = 4 * radius + 2 * numpy.pi / 3 * label + random.normal(0, 0.15, count)
    points = numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1)
    return points.astype("float32"), label.astype("int32")


with h5py.File("spirals.h5", "w") as file:
    for part, count, seed in (("train", 3000, 1), ("test", 600, 2)):
        inputs, targets = spirals(count, seed)
        file[f"{part}/inputs"] = inputs    # [samples, 2]
        file[f"{part}/targets"] = targets  # [samples]
    file["inputs"] = spirals(5, 3)[0]      # for `ridgeline infer`
