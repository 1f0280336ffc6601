"""Common functions of the tests of jobs/state_dict.py."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy

FOLDER = pathlib.Path(__file__).resolve().parent
SCRIPT = FOLDER.parents[1] / "jobs" / "state_dict.py"
sys.dont_write_bytecode = True
sys.path[:0] = [str(SCRIPT.parent), str(FOLDER)]
import state_dict  # noqa: E402, F401: the tests take it from here

try:
    import torch
except ImportError:
    torch = None
needs_torch = unittest.skipIf(torch is None, "Python has no torch here")


def without(*modules):
    """Arguments of a Python that runs the script as if it did not have these modules."""
    return ["-c", f"import sys, runpy; sys.modules.update(dict.fromkeys({modules})); sys.argv[:1] = []; "
                  "runpy.run_path(sys.argv[0], run_name='__main__')"]


def parameters_of(file):
    """Arrays by path below /model, read without the script."""
    found = {}
    with h5py.File(file, "r") as opened:
        opened["model"].visititems(
            lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def convert(*arguments, python=(), **how):
    """Runs the script; a run that waits for something fails."""
    return subprocess.run([sys.executable, *python, str(SCRIPT), *map(str, arguments)], **how,
                          capture_output=True, encoding="utf-8", check=False, timeout=120)


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.random = numpy.random.default_rng(1)

    def converted(self, *arguments, **how):
        result = convert(*arguments, **how)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def refused(self, verb, source, target, *options, says, status=2, **how):
        """One line says why, and every file is as before."""
        def files():
            return {file: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}

        before = files()
        result = convert(verb, source, target, *options, **how)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("state_dict.py: "), result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertTrue(files() == before, "a file was written, changed or removed")

    def checkpoint(self, parameters):
        """A file with these arrays below /model."""
        file = self.folder / "checkpoint.h5"
        with h5py.File(file, "w") as opened:
            for path, array in parameters.items():
                opened[f"model/{path}"] = array
        return file

    def expect_same_bits(self, found, expected):
        self.assertEqual(sorted(found), sorted(expected))
        for path, array in expected.items():
            self.assertEqual(found[path].dtype, array.dtype, path)
            self.assertEqual(found[path].shape, array.shape, path)
            self.assertEqual(found[path].tobytes(), array.tobytes(), path)
