#!/usr/bin/env python3
"""Files for other programs are well-formed, agree with the build, and name files that exist.

    RIDGELINE=build/openmp/bin/ridgeline python3 tests/docs/packaging_test.py
"""
import json
import os
import pathlib
import py_compile
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RIDGELINE = os.environ.get("RIDGELINE")
TO_JSON = "import datetime, json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout, default=str)"


def project_version():
    return re.search(r"project\(ridgeline\s+VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


class Packaging(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_recipes_in_python_compile(self):
        recipes = sorted((ROOT / "packaging").rglob("*.py"))
        self.assertEqual(len(recipes), 2)
        for recipe in recipes:
            py_compile.compile(str(recipe), cfile=str(self.folder / "compiled"), doraise=True)

    def test_the_recipe_of_spack_has_the_version_of_the_build(self):
        recipe = (ROOT / "packaging/spack/package.py").read_text()
        self.assertEqual(re.findall(r'^    version\("([^"]+)"', recipe, re.MULTILINE), [project_version()])

    def test_images_are_made_of_files_that_exist(self):
        for image in ("ridgeline.def", "ridgeline-cuda.def"):
            text = (ROOT / "packaging/apptainer" / image).read_text()
            section = re.search(r"^%files\n((?:    .*\n)+)", text, re.MULTILINE).group(1)
            names = [line.split()[0] for line in section.splitlines()]
            self.assertEqual([name for name in names if not (ROOT / name).exists()], [], image)
            self.assertIn("miniapp", names)

    def test_the_citation_is_yaml_with_the_keys_that_its_format_requires(self):
        for python in ("python3", "/usr/bin/python3"):
            result = subprocess.run([python, "-c", TO_JSON, str(ROOT / "CITATION.cff")], check=False,
                                    capture_output=True, encoding="utf-8")
            if "No module named 'yaml'" not in result.stderr:
                break
        else:
            self.skipTest("no Python with yaml (Debian: python3-yaml)")
        self.assertEqual(result.returncode, 0, result.stderr)
        citation = json.loads(result.stdout)
        self.assertEqual({"cff-version", "message", "title", "authors"} - set(citation), set())
        self.assertEqual(citation["cff-version"], "1.2.0")
        self.assertEqual(citation["version"], project_version())
        for author in citation["authors"]:
            self.assertTrue(set(author) & {"name", "family-names"}, author)

    @unittest.skipIf(RIDGELINE is None, "the environment variable RIDGELINE names no ridgeline")
    def test_the_tool_of_the_documents_lists_every_kernel(self):
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            self.skipTest("no C compiler")
        tool = self.folder / "kernel_times.so"
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(tool),
                        str(ROOT / "docs/examples/kernel_times/kernel_times.c")], check=True)
        options = ["--space", "serial", "--output", str(self.folder), "--set", "train.epochs=1",
                   "--set", "data.samples=120", "--set", "train.batch=50"]
        result = subprocess.run(
            [str(pathlib.Path(RIDGELINE).resolve()), "train", str(ROOT / "inputs/synthetic_mlp.toml"), *options,
             f"--kokkos-tools-library={tool}"], check=False, capture_output=True, encoding="utf-8", timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = [line.split() for line in result.stderr.splitlines() if "/" in line.split(" ")[0]]
        calls = {row[0]: int(row[1]) for row in rows if len(row) == 4}
        self.assertEqual(calls.get("fc1/forward"), 4, result.stderr)  # 3 steps, and 24 samples for the test
        self.assertEqual(calls.get("fc1/backward/weight"), 3, result.stderr)
        self.assertEqual(calls.get("optimizer/update"), 3, result.stderr)


if __name__ == "__main__":
    unittest.main()
