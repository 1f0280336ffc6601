"""ReFrame checks: a training that must verify, and the roofline of its step.

    export RIDGELINE=build/openmp/bin/ridgeline
    reframe -c packaging/reframe/ridgeline_checks.py -r --system generic --exec-policy serial

RIDGELINE names the program, an absolute path or one that is relative to the current folder; without it, `ridgeline` on PATH
is run. One check at a time: ReFrame's default policy would run both on the same processors. Options of a site:
-S space=cuda, -S threads=16 (also requests so many processors for the task).
"""
import json
import os
import pathlib
import shutil

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import performance_function, run_before, sanity_function, variable

INPUTS = pathlib.Path(__file__).resolve().parents[2] / "inputs"


class RidgelineCheck(rfm.RunOnlyRegressionTest):
    """Runs one verb on a deck whose data are generated."""

    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    sourcesdir = None
    exclusive_access = True  # other jobs would use bandwidth and cache
    time_limit = "10m"
    space = variable(str, value="auto")
    threads = variable(int, value=0)  # 0: as many as the process may use
    maintainers = ["The Ridgeline authors"]

    @run_before("run")
    def choose_program(self):
        named = os.environ.get("RIDGELINE", "ridgeline")
        self.executable = os.path.abspath(named) if os.sep in named else shutil.which(named) or named
        self.executable_opts = [*self.arguments, "--space", self.space]
        if self.threads > 0:
            self.num_cpus_per_task = self.threads
            self.executable_opts += ["--threads", str(self.threads)]

    @sn.deferrable
    def result(self, file):
        return json.loads((pathlib.Path(self.stagedir) / file).read_text())


@rfm.simple_test
class RidgelineTraining(RidgelineCheck):
    """Trains a perceptron until its deck's [verify] is met."""

    descr = "Training of inputs/synthetic_mlp.toml"
    arguments = ["train", str(INPUTS / "synthetic_mlp.toml"), "--output", "run"]

    @sanity_function
    def verified(self):
        record = self.result("run/synthetic_mlp.train.json")
        return sn.all([
            sn.assert_eq(self.job.exitcode, 0, "exit status {0}, not {1}"),
            sn.assert_true(record["verified"], "the deck's [verify] is missed"),
            sn.assert_found(r"^figure of merit: ", self.stdout),
        ])

    @performance_function("samples/s")
    def figure_of_merit(self):
        return self.result("run/synthetic_mlp.train.json")["figure_of_merit"]


@rfm.simple_test
class RidgelineRoofline(RidgelineCheck):
    """Measures the machine quickly, then places each layer under its ceilings."""

    descr = "Roofline of inputs/synthetic_mlp.toml"
    arguments = ["roofline", str(INPUTS / "synthetic_mlp.toml"), "--output", "roofline.json"]
    # For systems of this name alone: docs/results/machines/x86-26-2-1_l1d48K_l2-1M_l3-32M_avx512_2t, two threads of an
    # EPYC (Zen 5). Add your own; slower by a quarter is a failure, faster is not.
    reference = {"epyc-zen5-2-cores": {"step": (1.31, None, 0.25, "ms")}}

    @sanity_function
    def complete(self):
        record = self.result("roofline.json")
        return sn.all([
            sn.assert_eq(self.job.exitcode, 0, "exit status {0}, not {1}"),
            sn.assert_true(record["complete"]),
            sn.assert_gt(sn.count(record["records"]), 0),
            sn.assert_not_found(r"above its roof", self.stderr),
        ])

    @performance_function("ms")
    def step(self):
        return 1e3 * self.result("roofline.json")["total"]["seconds"]["median"]

    @performance_function("%")
    def explained(self):
        total = self.result("roofline.json")["total"]
        return 100 * total["explained_seconds"] / total["seconds"]["median"]
