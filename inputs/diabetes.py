#!/usr/bin/env python3
"""Converts scikit-learn's diabetes set to inputs/diabetes.h5, the data of regression_tabular.toml.

    inputs/diabetes.py [--folder FOLDER] [--output FILE]

The file is checked in: this script wrote it. Needs numpy and h5py; not scikit-learn, only its two
files, from Debian's package python3-sklearn or from any FOLDER that holds them.

442 patients, ten measurements each (age, sex, body mass index, blood pressure, six of blood serum);
the target is how far the disease had progressed a year later. A fifth of the patients, drawn once with
a fixed seed, is the test set. Inputs and targets are standardised by mean and standard deviation of
the training set, so that a mean squared error of 1 is that of predicting the mean.

The data: Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression", Annals of Statistics 32
(2004), 407-499, https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html; distributed with
scikit-learn under its 3-clause BSD licence, copyright 2007-2019 the scikit-learn developers.
"""

import argparse
import os
import pathlib

import h5py
import numpy

PACKAGE = "/usr/lib/python3/dist-packages/sklearn/datasets/data"
# The raw values, or in older releases the same ones scaled; standardising removes the scale.
INPUTS = ["diabetes_data_raw.csv.gz", "diabetes_data.csv.gz"]
TARGETS = "diabetes_target.csv.gz"


def read(folder):
    """Returns the measurements [442, 10] and the targets [442, 1]."""
    found = [folder / name for name in INPUTS if (folder / name).exists()]
    if not found or not (folder / TARGETS).exists():
        raise SystemExit(
            f"diabetes.py: {folder} does not hold {INPUTS[0]} and {TARGETS}; install Debian's "
            "python3-sklearn, or name the folder of scikit-learn's datasets/data with --folder"
        )
    inputs = numpy.loadtxt(found[0])
    targets = numpy.loadtxt(folder / TARGETS).reshape(-1, 1)
    if inputs.shape != (442, 10) or targets.shape != (442, 1):
        raise SystemExit(f"diabetes.py: {folder} holds {inputs.shape} and {targets.shape}")
    return inputs, targets


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(PACKAGE))
    parser.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path(__file__).with_name("diabetes.h5")
    )
    arguments = parser.parse_args()

    columns = dict(zip(("inputs", "targets"), read(arguments.folder)))
    # This generator's sequence is the same in every release of numpy.
    order = numpy.random.RandomState(1).permutation(442)
    rows = {"test": order[: 442 // 5], "train": order[442 // 5 :]}
    partial = arguments.output.with_name(arguments.output.name + ".partial")
    with h5py.File(partial, "w", track_order=False) as file:
        file.attrs["source"] = "Efron et al., Least Angle Regression (2004); scikit-learn, BSD-3"
        for name, values in columns.items():
            known = values[rows["train"]]
            standard = (values - known.mean(axis=0)) / known.std(axis=0)
            for split, chosen in rows.items():
                file.create_dataset(
                    f"{split}/{name}",
                    data=standard[chosen].astype(numpy.float32),
                    track_times=False,
                )
    os.replace(partial, arguments.output)


if __name__ == "__main__":
    main()
