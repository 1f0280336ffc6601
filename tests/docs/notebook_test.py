#!/usr/bin/env python3
"""docs/notebook.ipynb runs from its first cell to its last, shows its pictures, and is committed without outputs.

    RIDGELINE=build/openmp/bin/ridgeline python3 tests/docs/notebook_test.py

A copy runs in a temporary folder; RIDGELINE_NOTEBOOK_QUICK=1 shortens what it measures. Needs the Python modules
nbclient and ipykernel. RIDGELINE_NOTEBOOK_COPY names a file for the copy with its outputs.
"""
import ast
import os
import pathlib
import re
import shutil
import tempfile
import unittest

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs/notebook.ipynb"
RIDGELINE = os.environ.get("RIDGELINE")
# What Python and any notebook service have.
MODULES = {"IPython", "json", "os", "pathlib", "shutil", "subprocess", "urllib"}


def text_of(cell):
    return "".join(output["text"] for output in cell.outputs if output.output_type == "stream")


def pictures_of(cell):
    return [output for output in cell.outputs if output.output_type == "display_data" and "image/png" in output.data]


class AsCommitted(unittest.TestCase):
    def setUp(self):
        self.notebook = nbformat.read(NOTEBOOK, as_version=4)
        self.code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    def test_is_valid_and_has_no_outputs(self):
        nbformat.validate(self.notebook)
        self.assertEqual([cell.source for cell in self.code if cell.outputs or cell.execution_count], [])

    def test_imports_only_modules_that_notebook_services_have(self):
        nodes = [node for cell in self.code for node in ast.walk(ast.parse(cell.source))]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        self.assertEqual({name.split(".")[0] for name in names} - MODULES, set())

    def test_links_lead_to_documents(self):
        text = "\n".join(cell.source for cell in self.notebook.cells if cell.cell_type == "markdown")
        links = re.findall(r"\]\(([^)#]+)", text)
        self.assertGreater(len(links), 5)
        self.assertEqual([link for link in links if not (NOTEBOOK.parent / link).exists()], [])


@unittest.skipIf(RIDGELINE is None, "the environment variable RIDGELINE names no ridgeline")
class Executed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        copy = pathlib.Path(shutil.copy(NOTEBOOK, folder.name))
        notebook = nbformat.read(copy, as_version=4)
        environment = {**os.environ, "RIDGELINE": str(pathlib.Path(RIDGELINE).resolve()),
                       "RIDGELINE_NOTEBOOK_QUICK": "1", "OMP_WAIT_POLICY": "passive",
                       # Nothing of the user's own configuration.
                       **{name: folder.name for name in ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR",
                                                         "JUPYTER_RUNTIME_DIR")}}
        # A failed cell does not end the run, so that the test names it.
        client = NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True,
                                resources={"metadata": {"path": folder.name}})
        client.execute(env=environment)
        if os.environ.get("RIDGELINE_NOTEBOOK_COPY"):
            nbformat.write(notebook, os.environ["RIDGELINE_NOTEBOOK_COPY"])
        cls.code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        cls.results = {path.name for path in (pathlib.Path(folder.name) / "ridgeline-results").iterdir()}

    def test_no_cell_fails(self):
        failed = [f"{cell.source}\n{text_of(cell)}{output.evalue}" for cell in self.code for output in cell.outputs
                  if output.output_type == "error"]
        self.assertEqual(failed, [])

    def test_every_cell_ran(self):
        self.assertEqual([cell.source for cell in self.code if cell.execution_count is None], [])
        self.assertIn("report.html", self.results)

    @unittest.skipIf(shutil.which("nvidia-smi"), "there may be a GPU")
    def test_cells_for_a_gpu_say_that_there_is_none(self):
        cells = [cell for cell in self.code if "gpu" in cell.metadata.get("tags", [])]
        self.assertGreaterEqual(len(cells), 4)
        for cell in cells:
            self.assertIn("There is no GPU here", text_of(cell), cell.source)

    def test_pictures_are_shown_below_every_measurement(self):
        measuring = [cell for cell in self.code if re.search(r"^(show|study|train|roofline)\(", cell.source, re.MULTILINE)]
        self.assertEqual(len(measuring), 8)
        for cell in measuring:
            self.assertTrue(pictures_of(cell), f"no picture below\n{cell.source}\n{text_of(cell)}")


if __name__ == "__main__":
    unittest.main()
