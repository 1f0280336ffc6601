#!/usr/bin/env python3
"""Files that jobs/state_dict.py rejects, its output, and the Python that runs it.

    python3 tests/references/state_dict_files_test.py
"""
import io
import os
import pickle
import re
import resource
import shlex
import stat
import struct
import subprocess
import sys
import unittest
import zipfile

import h5py
import numpy

from state_dict_support import SCRIPT, Scratch, convert, parameters_of, state_dict, without

ONES = numpy.ones((3, 4), numpy.float32)


class Hdf5(Scratch):
    def refused_file(self, fill, says):
        """Writes a valid /model, and the additions of `fill`."""
        file = self.checkpoint({"fc/weight": ONES})
        with h5py.File(file, "r+") as opened:
            fill(opened)
        self.refused("to-pytorch", file, self.folder / "model.npz", says=f"{file}: {says}")

    def test_what_leads_out_of_the_file_is_refused(self):
        other = self.folder / "other.h5"
        with h5py.File(other, "w") as opened:
            opened["bias"] = numpy.ones(3)

        def virtual(opened):
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(other, "bias", (3,))
            opened.create_virtual_dataset("model/fc/bias", layout)

        def add(path, link):
            def fill(opened):
                opened[path] = link
            return fill

        self.refused_file(add("model/fc/bias", h5py.ExternalLink(other, "bias")),
                          "/model/fc/bias: is a soft or external link")
        self.refused_file(add("model/fc/bias", h5py.SoftLink("/model/fc/weight")),
                          "/model/fc/bias: is a soft or external link")
        self.refused_file(add("model/fc/bias", h5py.SoftLink("/nowhere")), "/model/fc/bias: is a soft")
        self.refused_file(add("elsewhere", h5py.SoftLink("/model")), "/elsewhere: is a soft")
        self.refused_file(virtual, "/model/fc/bias: is a virtual dataset")
        self.refused_file(lambda opened: opened.create_dataset(
            "model/fc/bias", (3,), "f8", external=[(str(other), 0, 24)]), "/model/fc/bias: is a virtual "
                                                                        "dataset or lies in another file")

    def test_a_group_inside_itself_is_refused(self):
        def fill(opened):
            opened["model/fc/again"] = opened["model"]

        self.refused_file(fill, "/model/fc/again: is a second name of a group")

    def test_claims_of_more_bytes_than_are_stored_are_refused(self):
        def compressed(opened):
            values = opened.create_dataset("model/fc/bias", (10**9,), "f8", chunks=(10**6,), compression="gzip")
            values[:10**6] = 1

        self.refused_file(compressed, "/model/fc/bias: claims 8000000000 bytes")
        self.refused_file(lambda opened: opened.create_dataset("model/fc/bias", (10**12,), "f8"),
                          "/model/fc/bias: claims 8000000000000 bytes, which 0 stored bytes cannot hold")

    def test_what_deflate_makes_small_is_read(self):
        file = self.folder / "checkpoint.h5"
        values = numpy.zeros((1024, 1024))
        with h5py.File(file, "w") as opened:
            opened.create_dataset("model/fc/weight", data=values, chunks=values.shape, compression="gzip",
                                  compression_opts=9, shuffle=True, fletcher32=True)
        self.converted("to-pytorch", file, self.folder / "model.npz")
        with numpy.load(self.folder / "model.npz") as archive:
            self.expect_same_bits(archive, {"fc.weight": values})

    def test_what_is_no_array_of_real_values_is_refused(self):
        def add(values, **how):
            return lambda opened: opened.create_dataset("model/fc/bias", data=values, **how)

        for fill, says in ((add("text"), "holds object"), (add(numpy.ones(3, "c8")), "holds complex64"),
                           (add(numpy.ones(3, "i4")), "holds int32"),
                           (add(numpy.ones(3, "g")), "holds float"),
                           (add(numpy.ones(3, [("x", "f4")])), "holds [("),
                           (add(h5py.Empty("f4")), "holds nothing"),
                           (add(ONES, compression="lzf"), "is stored with the filter lzf")):
            self.refused_file(fill, f"/model/fc/bias: {says}")

        def committed(opened):
            opened["model/type"] = numpy.dtype("f4")

        self.refused_file(committed, "/model/type: is neither a group nor a dataset")

    def test_damaged_files_are_refused(self):
        file = self.folder / "checkpoint.h5"
        with h5py.File(file, "w") as opened:
            opened.create_dataset("model/fc/weight", data=numpy.ones((6, 4), "f4"), chunks=(3, 4),
                                  fletcher32=True)
        sound, chunk, target = file.read_bytes(), struct.pack("<3I", 3, 4, 4), self.folder / "model.npz"
        self.assertEqual(sound.count(chunk), 1)
        value = sound.rindex(struct.pack("<f", 1))
        for damaged in (b"", sound[:100], sound[:len(sound) // 2], sound[:value] + b"\1" + sound[value + 1:],
                        sound.replace(chunk, struct.pack("<3I", 0, 4, 4)), sound.replace(b"TREE", b"free")):
            file.write_bytes(damaged)
            self.refused("to-pytorch", file, target, says=f"{file}: ")

    def test_damage_that_hdf5_does_not_survive_is_refused(self):
        # The number of dimensions in the message that describes the chunks; HDF5 1.10 divides by zero for
        # the first, and never ends for the second.
        for shape, dimensions in (((6,), 0), ((6, 4), 4)):
            file = self.folder / "checkpoint.h5"
            with h5py.File(file, "w") as opened:
                opened.create_dataset("model/fc/weight", data=numpy.ones(shape, "f4"), chunks=shape)
            # Version 3, class 2, dimensions, an address of 8 bytes, the first extent.
            layout = re.compile(b"\3\2%c(.{8}\6\0\0\0)" % (len(shape) + 1), re.DOTALL)
            damaged, count = layout.subn(lambda match: b"\3\2%c" % dimensions + match[1],
                                         file.read_bytes())
            self.assertEqual(count, 1)
            file.write_bytes(damaged)
            self.refused("to-pytorch", file, self.folder / "model.npz", says=f"{file}: ")

    def test_big_endian_values_keep_their_precision(self):
        parameters = {"fc/weight": ONES.astype(">f4"), "fc/bias": numpy.arange(3.0).astype(">f8")}
        file = self.checkpoint(parameters)
        little = {path: array.astype(array.dtype.newbyteorder("<")) for path, array in parameters.items()}
        self.converted("to-pytorch", file, self.folder / "model.npz")
        with numpy.load(self.folder / "model.npz") as archive:
            self.expect_same_bits(archive, {path.replace("/", "."): array for path, array in little.items()})
        numpy.savez(self.folder / "big.npz",
                    **{path.replace("/", "."): array for path, array in parameters.items()})
        self.converted("to-ridgeline", self.folder / "big.npz", self.folder / "init.h5")
        self.expect_same_bits(parameters_of(self.folder / "init.h5"), little)

    def test_a_name_that_breaks_a_line_is_refused_on_one_line(self):
        file = self.checkpoint({"f\nc/weight": ONES})
        self.refused("to-pytorch", file, self.folder / "model.npz", says="/model/f\\nc/weight: holds the "
                                                                         "character U+000A")


class Archives(Scratch):
    def test_what_is_no_archive_of_arrays_is_refused(self):
        archive, init = self.folder / "model.npz", self.folder / "init.h5"

        def array():
            with open(archive, "wb") as opened:
                numpy.save(opened, ONES)

        def member():
            with zipfile.ZipFile(archive, "w") as opened:
                opened.writestr("fc.weight", "text")

        def twice():
            with zipfile.ZipFile(archive, "w") as opened:
                for name in ("fc.weight.npy", "fc.weight"):
                    contents = io.BytesIO()
                    numpy.save(contents, ONES)
                    opened.writestr(name, contents.getvalue())

        def damaged():
            numpy.savez(archive, **{"fc.weight": ONES})
            archive.write_bytes(archive.read_bytes().replace(ONES.tobytes(), ONES.tobytes()[:-1] + b"\1"))

        for contents in (b"", b"no archive", pickle.dumps({"fc.weight": ONES})):
            archive.write_bytes(contents)
            self.refused("to-ridgeline", archive, init, says=f"{archive}: is not a NumPy archive")
        for make, says in ((array, "is not a NumPy archive"), (member, "fc.weight: is not an array"),
                           (twice, "fc.weight: is there twice"), (damaged, "cannot be read")):
            make()
            self.refused("to-ridgeline", archive, init, says=f"{archive}: {says}")
        for key, values, says in (("fc.weight", numpy.array([None]), "cannot be read"),
                                  ("a\x1b.weight", ONES, "a\\x1b.weight: holds the character U+001B")):
            numpy.savez(archive, **{key: values})
            self.refused("to-ridgeline", archive, init, says=f"{archive}: {says}")


class Files(Scratch):
    def setUp(self):
        super().setUp()
        self.source, self.target = self.checkpoint({"fc/weight": ONES}), self.folder / "model.npz"

    def test_what_is_no_regular_file_is_refused_and_never_waited_for(self):
        pipe, link = self.folder / "pipe.npz", self.folder / "link.npz"
        os.mkfifo(pipe)
        link.symlink_to("nowhere")
        for file in (pipe, self.folder, "/dev/null"):
            self.refused("to-pytorch", self.source, file, says=f"{file}: is not a regular file")
            self.refused("to-pytorch", file, self.target, says=f"{file}: is not a regular file")
        self.refused("to-ridgeline", pipe, self.folder / "init.h5", says=f"{pipe}: is not a regular file")
        self.refused("to-pytorch", self.source, link, says=f"{link}: is a symbolic link to no file")
        self.refused("to-pytorch", link, self.target, says=f"{link}: no such file")
        self.refused("to-pytorch", self.source, self.source / "a.npz", says="Not a directory")
        self.refused("to-pytorch", self.source, f"{self.folder}/no/", says="there is no such folder")
        self.assertTrue(link.is_symlink())

    def test_the_source_is_never_the_target(self):
        hard, soft = self.folder / "hard.npz", self.folder / "soft.npz"
        os.link(self.source, hard)
        soft.symlink_to(self.source)
        for name in (self.source, f"{self.folder}/./{self.source.name}", hard, soft):
            self.refused("to-pytorch", self.source, name, says=f"{name}: is also the file that is read")
        self.refused("to-ridgeline", hard, self.source, says=f"{self.source}: is also the file that is read")

    def test_a_link_stays_and_its_file_keeps_its_mode(self):
        real, link = self.folder / "real", self.folder / "link.npz"
        real.write_text("old")
        real.chmod(0o640)
        link.symlink_to("real")
        self.converted("to-pytorch", self.source, link)
        self.assertEqual(os.readlink(link), "real")
        self.assertEqual(stat.S_IMODE(real.stat().st_mode), 0o640)
        with numpy.load(real) as archive:
            self.expect_same_bits(archive, {"fc.weight": ONES})
        self.assertEqual(list(self.folder.glob("*.partial")), [])

    def test_a_file_that_happens_to_end_in_partial_is_left_alone(self):
        victim = self.folder / "victim"
        victim.write_text("precious")
        (self.folder / "model.npz.partial").symlink_to(victim)
        self.converted("to-pytorch", self.source, self.target)
        self.assertEqual(victim.read_text(), "precious")
        self.assertFalse(self.target.is_symlink())

    def test_a_write_that_fails_is_status_1_and_leaves_the_old_file(self):
        source = self.checkpoint({"fc/weight": numpy.ones((300, 300))})
        self.target.write_text("precious")
        init, archive = self.folder / "init.h5", self.folder / "large.npz"
        numpy.savez(archive, **{"fc.weight": numpy.ones((300, 300))})
        for verb, read, written in (("to-pytorch", source, self.target), ("to-ridgeline", archive, init)):
            self.refused(verb, read, written, says=f"{written}: cannot be written: File too large", status=1,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))

    def test_control_characters_are_refused_on_one_line(self):
        self.refused("to-pytorch", self.source, self.folder / "a\nb.npz",
                     says="a\\nb.npz: holds the character U+000A")
        self.refused("to-pytorch", "a\x1b.h5", self.target, says="a\\x1b.h5: holds the character U+001B")
        self.refused("to-pytorch", self.source, self.target, "--rename", "fc=f\nc",
                     says="f\\nc: holds the character U+000A")
        self.refused("to-pytorch", self.source, self.target, "--prefix", "f\u2028c",
                     says="f\\u2028c: holds the character U+2028")

    def test_a_closed_standard_error_changes_nothing(self):
        for file, status in ((self.folder / "no.h5", 2), (self.source, 0)):
            command = [sys.executable, str(SCRIPT), "to-pytorch", str(file), str(self.target)]
            for stream in ("2>&-", "2>/dev/full"):
                result = subprocess.run(["bash", "-c", f'exec "$@" {stream}', "bash", *command], check=False,
                                        stdout=subprocess.PIPE, timeout=120)
                self.assertEqual((result.returncode, result.stdout), (status, b""))


class Interpreters(Scratch):
    """The script under a Python that lacks a module."""

    def setUp(self):
        super().setUp()
        self.source = self.checkpoint({"fc/weight": ONES})
        self.alone = {**os.environ, state_dict.STARTED_AGAIN: "1"}

    def python3(self, script):
        """An environment whose first python3 is this shell script."""
        folder = self.folder / "bin"
        folder.mkdir()
        (folder / "python3").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "python3").chmod(0o755)
        return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def test_another_python_that_has_the_modules_takes_over(self):
        environment = self.python3(f"echo x >>'{self.folder}/started'; exec '{sys.executable}' \"$@\"")
        self.converted("to-pytorch", self.source, self.folder / "model.npz", "--rename", "fc=f c",
                       python=without("h5py"), env=environment)
        self.assertEqual((self.folder / "started").read_text(), "x\nx\n")  # a probe, and the script
        with numpy.load(self.folder / "model.npz") as archive:
            self.expect_same_bits(archive, {"f c.weight": ONES})

    def test_one_that_lacks_them_after_all_starts_no_third(self):
        runs = shlex.join([sys.executable, *without("h5py")])
        environment = self.python3(f"[ \"$1\" = -c ] && exit 0\necho x >>'{self.folder}/started'\n"
                                   f"exec {runs} \"$@\"")
        result = convert("to-pytorch", self.source, self.folder / "model.npz", python=without("h5py"),
                         env=environment)
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Astate_dict.py: .*python3-h5py.*\n\Z")
        self.assertEqual((self.folder / "started").read_text(), "x\n")

    def test_without_h5py_anywhere_one_line_names_the_package(self):
        for module in ("h5py", "numpy"):
            self.refused("to-pytorch", self.source, self.folder / "model.npz", says="python3-h5py",
                         python=without(module), env=self.alone)

    def test_without_torch_a_pytorch_file_is_refused_and_an_archive_is_not(self):
        target = self.folder / "model.pt"
        self.refused("to-pytorch", self.source, target, says=f"{target}: is a PyTorch file",
                     python=without("torch"), env=self.alone)
        self.converted("to-pytorch", self.source, self.folder / "model.npz", python=without("torch"),
                       env=self.alone)

    def test_help_and_wrong_requests_need_no_module(self):
        for arguments, status in ((["--help"], 0), (["to-pytorch", "--help"], 0), (["to-pytorch"], 2)):
            result = convert(*arguments, python=without("h5py", "numpy"), env=self.alone)
            self.assertEqual(result.returncode, status, result.stderr)
        self.refused("to-pytorch", self.folder / "no.h5", self.folder / "model.pt", says="no.h5: no such file",
                     python=without("h5py", "torch"), env=self.alone)


if __name__ == "__main__":
    unittest.main()
