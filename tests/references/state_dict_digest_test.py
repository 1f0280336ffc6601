#!/usr/bin/env python3
"""The digest of a checkpoint of version 2, which jobs/state_dict.py recomputes.

    python3 tests/references/state_dict_digest_test.py
"""
import struct
import unittest

import h5py
import numpy

from state_dict_support import Scratch, convert, state_dict, without

ONES = numpy.ones((3, 4), numpy.float32)


def write_version_2(file, **attributes):
    """A checkpoint of version 2, with its digest."""
    def dataset(path, values):
        opened.create_dataset(path, data=values, chunks=True, fletcher32=True)

    with h5py.File(file, "w") as opened:
        opened.attrs["format"] = numpy.bytes_("ridgeline-checkpoint")
        opened.attrs["version"] = 2
        opened.attrs["created"] = numpy.bytes_("2026-11-28T22:31:32Z")
        dataset("deck", numpy.array(["title = \"Größe\"\n".encode()]))
        dataset("model/fc1/weight", ONES / 3)
        dataset("model/fc1/bias", numpy.arange(3.0))
        dataset("model/fc10/bias", numpy.arange(2, dtype=">f4"))
        dataset("vocabulary", numpy.array([b"a", b"bc"]))
        dataset("history/train_loss", numpy.array([0.5, 0.25]))
        opened.create_group("optimizer")
        opened.create_group("state").attrs["epoch"] = 2
        opened["state"].attrs["seconds"] = 0.5
        opened.attrs["digest"] = numpy.bytes_(state_dict.checkpoint_digest(opened) or "none")
        for name, value in attributes.items():
            opened.attrs[name] = value
    return file


class Digest(Scratch):
    def setUp(self):
        super().setUp()
        if state_dict.new_hash() is None:
            self.skipTest("there is neither the module xxhash nor libxxhash")
        self.file, self.target = write_version_2(self.folder / "checkpoint.h5"), self.folder / "model.npz"

    def changed(self, change):
        with h5py.File(self.file, "r+") as opened:
            change(opened)

    def test_the_hash_is_xxh3_with_its_high_half_first(self):
        self.assertEqual(state_dict.new_hash().hexdigest(), "99aa06d3014798d86001c324468d497f")

    def test_library_and_module_give_the_same(self):
        try:
            from xxhash import xxh3_128
            library = state_dict.Xxh3()
        except (ImportError, OSError):
            self.skipTest("there are not both")
        for data in (b"", b"ridgeline", bytes(range(256)) * 999):
            library.update(data)
        self.assertEqual(library.hexdigest(), xxh3_128(b"ridgeline" + bytes(range(256)) * 999).hexdigest())

    def test_entries_are_those_of_the_definition(self):
        class Joined:
            data = b""

            def update(self, data):
                self.data += data

            def hexdigest(self):
                return self.data.hex()

        pack = struct.pack
        expected = (b"/@created\0S20\0\0" b"2026-11-28T22:31:32Z"
                    b"/@format\0S20\0\0ridgeline-checkpoint"
                    b"/@version\0i8\0\0" + pack("<q", 2) +
                    b"/deck\0S18\0" b"1\0" + "title = \"Größe\"\n".encode() +
                    b"/history/train_loss\0f8\0" b"2\0" + pack("<2d", 0.5, 0.25) +
                    b"/model/fc1/bias\0f8\0" b"3\0" + pack("<3d", 0, 1, 2) +
                    b"/model/fc1/weight\0f4\0" b"3,4\0" + pack("<12f", *12 * [1 / 3]) +
                    b"/model/fc10/bias\0f4\0" b"2\0" + pack("<2f", 0, 1) +
                    b"/state@epoch\0i8\0\0" + pack("<q", 2) +
                    b"/state@seconds\0f8\0\0" + pack("<d", 0.5) +
                    b"/vocabulary\0S2\0" b"2\0" b"a\0bc")
        original = state_dict.new_hash
        self.addCleanup(lambda: setattr(state_dict, "new_hash", original))
        state_dict.new_hash = Joined
        with h5py.File(self.file, "r") as opened:
            found = state_dict.checkpoint_digest(opened)
        self.assertEqual(bytes.fromhex(found[len("xxh3-128:"):]), expected)

    def test_texts_of_every_kind_of_padding_and_encoding_are_the_same_to_it(self):
        digests = set()
        for padding in (h5py.h5t.STR_NULLTERM, h5py.h5t.STR_NULLPAD):
            for encoding in (h5py.h5t.CSET_ASCII, h5py.h5t.CSET_UTF8):
                with h5py.File(self.file, "w") as opened:
                    kind = h5py.h5t.C_S1.copy()
                    kind.set_size(9)
                    kind.set_strpad(padding)
                    kind.set_cset(encoding)
                    one = h5py.h5s.create_simple((1,))
                    values = numpy.array([b"text"], "S9")
                    h5py.h5d.create(opened.id, b"deck", kind, one).write(one, one, values, kind)
                    h5py.h5a.create(opened.id, b"format", kind, one).write(values, kind)
                    digests.add(state_dict.checkpoint_digest(opened))
        self.assertEqual(len(digests), 1)

    def test_a_sound_file_is_converted(self):
        self.converted("to-pytorch", self.file, self.target)
        with numpy.load(self.target) as archive:
            self.expect_same_bits(archive, {
                "fc1.weight": ONES / 3, "fc1.bias": numpy.arange(3.0),
                "fc10.bias": numpy.arange(2, dtype="<f4")})

    def test_a_wrong_or_missing_digest_is_refused(self):
        def weight(opened):
            opened["model/fc1/weight"][1, 2] += 1

        def attribute(opened):
            opened["state"].attrs["epoch"] = 3

        def empty_group_attribute(opened):
            opened["optimizer"].attrs["x"] = 1

        def added(opened):
            opened["model/fc2/bias"] = numpy.ones(2)

        def other_algorithm(opened):
            opened.attrs["digest"] = numpy.bytes_("sha256:" + 64 * "0")

        for change in (weight, attribute, empty_group_attribute, added, other_algorithm):
            write_version_2(self.file)
            self.changed(change)
            self.refused("to-pytorch", self.file, self.target, says=f"{self.file}: /@digest: is not the digest")
        self.changed(lambda opened: opened.attrs.pop("digest"))
        self.refused("to-pytorch", self.file, self.target, says=f"{self.file}: /@digest: is missing")
        self.changed(lambda opened: opened.attrs.modify("version", 3))  # the digest covers it, too
        self.refused("to-pytorch", self.file, self.target, says=f"{self.file}: /@digest: is missing")
        self.changed(lambda opened: opened.attrs.modify("version", 4))
        self.refused("to-pytorch", self.file, self.target, says=f"{self.file}: /@version: is 4")
        self.changed(lambda opened: opened.attrs.modify("version", 1))  # it has none and needs none
        self.converted("to-pytorch", self.file, self.target)

    def test_version_3_has_the_last_steps_parameters_besides_the_best_epochs(self):
        def with_last(opened):
            opened.attrs["version"] = 3
            opened.create_dataset("last/fc1/weight", data=0 * ONES, chunks=True, fletcher32=True)
            del opened.attrs["digest"]
            opened.attrs["digest"] = numpy.bytes_(state_dict.checkpoint_digest(opened) or "none")

        self.changed(with_last)
        self.converted("to-pytorch", self.file, self.target)
        numpy.testing.assert_array_equal(numpy.load(self.target)["fc1.weight"], ONES / 3)

    def test_a_newer_version_is_refused_whatever_its_digest(self):
        write_version_2(self.file, version=4)
        self.refused("to-pytorch", self.file, self.target, says=f"{self.file}: /@version: is 4")

    def test_texts_of_variable_length_have_no_place_in_version_2(self):
        write_version_2(self.file, note="text")
        self.refused("to-pytorch", self.file, self.target, says="/@note: holds object")

    def test_without_xxh3_a_warning_says_that_it_was_not_checked(self):
        no_library = ["-c", "import ctypes\ndef CDLL(name): raise OSError\nctypes.CDLL = CDLL\n" +
                      without("xxhash")[1]]
        result = convert("to-pytorch", self.file, self.target, python=no_library)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr,
                         rf"\Awarning: {self.file}: its digest was not checked.*python3-xxhash.*\n\Z")
        self.assertTrue(self.target.exists())


if __name__ == "__main__":
    unittest.main()
