#!/usr/bin/env python3
"""Training on several ranks: the number of ranks does not change what is computed, and a failure of
one rank ends all of them. Ranks are processes of this machine, which mpirun starts; RIDGELINE is a
command that links MPI."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RIDGELINE = os.environ["RIDGELINE"]
ENVIRONMENT = dict(
    os.environ,
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="passive",
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_rmaps_base_oversubscribe="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
    OMPI_MCA_mpi_yield_when_idle="1",
)

# Every kind of sum over a batch: products, convolutions, statistics, masks, images that are moved; 45
# samples, so that batches are divided unevenly and the last one has fewer samples than ranks.
IMAGES = """
title = "Images"
[data]
kind = "synthetic"
shape = [2, 6, 6]
classes = 3
samples = 45
seed = 3
augment = { flip = true, crop = 1 }
[network]
precision = "PRECISION"
[[network.layer]]
kind = "conv2d"
channels = 4
kernel = 3
padding = 1
[[network.layer]]
kind = "batch_norm"
[[network.layer]]
kind = "activation"
function = "relu"
[[network.layer]]
kind = "flatten"
[[network.layer]]
kind = "dropout"
rate = 0.25
[[network.layer]]
kind = "dense"
units = 10
[[network.layer]]
kind = "batch_norm"
[[network.layer]]
kind = "dense"
units = 3
[train]
epochs = 3
batch = 11
loss = "cross_entropy"
seed = 5
optimizer = { kind = "adam", learning_rate = 0.01 }
"""


def command(ranks, *arguments):
    own = [RIDGELINE, *map(str, arguments)]
    return ["mpirun", "-n", str(ranks), *own] if ranks else own


def run(ranks, *arguments, **options):
    return subprocess.run(
        command(ranks, *arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=120, **options
    )


def own_lines(text):
    """The lines of the command, without the launcher's."""
    return [line for line in text.splitlines() if line.startswith(("ridgeline: ", "warning: "))]


class Ranks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def deck(self, precision="float64", name="images.toml", text=IMAGES):
        file = self.path / name
        file.write_text(text.replace("PRECISION", precision))
        return file

    def train(self, ranks, deck, *arguments):
        """The history of a run."""
        output = self.path / f"{deck.stem}-{ranks}"
        done = run(ranks, "train", deck, "--output", output, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads((output / f"{deck.stem}.train.json").read_text())

    def assert_near(self, one, other, tolerance):
        self.assertEqual(len(one), len(other))
        for a, b in zip(one, other):
            self.assertLessEqual(abs(a - b), tolerance * abs(a))

    def test_the_number_of_ranks_does_not_change_what_is_computed(self):
        # Of float32 one step: rounding grows from step to step.
        one_step = IMAGES.replace("samples = 45", "samples = 11").replace("epochs = 3", "epochs = 1")
        for precision, text, tolerance in (("float64", IMAGES, 1e-9), ("float32", one_step, 1e-6)):
            deck = self.deck(precision, f"{precision}.toml", text)
            alone = self.train(0, deck)
            for ranks in (1, 2, 3, 4):
                with self.subTest(precision=precision, ranks=ranks):
                    together = self.train(ranks, deck)
                    self.assertEqual(together["ranks"], ranks)
                    self.assert_near(alone["history"]["train_loss"], together["history"]["train_loss"], tolerance)
                    if precision == "float64":
                        for metric in ("test_loss", "test_accuracy"):
                            self.assert_near(alone["history"][metric], together["history"][metric], tolerance)
                    self.assertEqual(together["communication"] is None, ranks == 1)

    def test_a_checkpoint_of_some_ranks_resumes_on_others(self):
        deck = self.deck()
        whole = self.train(0, deck)
        for first, second in ((2, 3), (3, 0), (0, 2)):
            with self.subTest(first=first, second=second):
                output = self.path / f"resumed-{first}-{second}"
                done = run(first, "train", deck, "--output", output, "--set", "train.stop_after_steps=7")
                self.assertEqual(done.returncode, 0, done.stderr)
                done = run(second, "train", deck, "--output", output, "--resume", output)
                self.assertEqual(done.returncode, 0, done.stderr)
                record = json.loads((output / "images.train.json").read_text())
                self.assert_near(whole["history"]["train_loss"], record["history"]["train_loss"], 1e-9)

    def test_ranks_that_differ_are_one_error(self):
        deck, other = self.deck(), self.deck(name="other.toml", text=IMAGES.replace("seed = 5", "seed = 6"))
        done = subprocess.run(
            ["mpirun", "-n", "2", RIDGELINE, "train", deck, ":", "-n", "1", RIDGELINE, "train", other],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, cwd=self.path,
        )
        self.assertEqual(own_lines(done.stderr), ["ridgeline: rank 2 has another deck than rank 0 (rank 0)"])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(list(self.path.glob("*.h5*")), [])

    def test_a_request_that_is_wrong_on_every_rank_is_one_line(self):
        deck = self.deck(text=IMAGES.replace("units = 3", "units = 2"))
        done = run(3, "train", deck, cwd=self.path)
        self.assertEqual(len(own_lines(done.stderr)), 1, done.stderr)
        self.assertTrue(own_lines(done.stderr)[0].endswith(" (rank 0)"), done.stderr)
        self.assertEqual(done.returncode, 2)

    def test_a_file_that_one_rank_lacks_ends_all(self):
        deck = self.deck()
        begin = time.monotonic()
        done = subprocess.run(
            ["mpirun", "-n", "2", RIDGELINE, "train", deck, ":", "-n", "1", RIDGELINE, "train", "absent.toml"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, cwd=self.path,
        )
        self.assertLess(time.monotonic() - begin, 10)
        lines = own_lines(done.stderr)
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("ridgeline: absent.toml") and lines[0].endswith(" (rank 2)"), lines)
        self.assertEqual(done.returncode, 2)

    def long_run(self):
        return self.deck(text=IMAGES.replace("epochs = 3", "epochs = 100000") + "[checkpoint]\nevery_epochs = 20\n")

    def test_a_signal_to_one_rank_stops_all_with_a_checkpoint(self):
        deck = self.long_run()
        output = self.path / "signalled"
        launcher = subprocess.Popen(
            command(3, "train", deck, "--output", output), env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )
        ranks = self.ranks_of(launcher, output)
        os.kill(ranks[1], signal.SIGTERM)
        _, errors = launcher.communicate(timeout=20)
        self.assertEqual(launcher.returncode, 75, errors)
        self.assertIn("resume on any number of ranks with: ", errors)
        done = run(2, "train", deck, "--output", output, "--resume", output, "--set", "train.epochs=1")
        self.assertEqual(done.returncode, 0, done.stderr)

    def ranks_of(self, launcher, output):
        """The process ids of the launcher's ranks, once they have written a checkpoint."""
        until = time.monotonic() + 30
        while time.monotonic() < until and not list(output.glob("*.h5")):
            time.sleep(0.02)
        children = pathlib.Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
        names = {int(pid): pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in children}
        ranks = [pid for pid, name in names.items() if name == pathlib.Path(RIDGELINE).name[:15]]
        self.assertEqual(len(ranks), 3, names)
        return sorted(ranks)

    def test_the_death_of_a_rank_ends_all_and_the_run_resumes(self):
        deck = self.long_run()
        shown = random.Random(1)
        for attempt in range(int(os.environ.get("RIDGELINE_SOAK_RANKS", "2"))):
            output = self.path / f"killed-{attempt}"
            launcher = subprocess.Popen(
                command(3, "train", deck, "--output", output), env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True,
            )
            ranks = self.ranks_of(launcher, output)
            time.sleep(shown.uniform(0, 0.5))
            os.kill(shown.choice(ranks), signal.SIGKILL)
            begin = time.monotonic()
            _, errors = launcher.communicate(timeout=20)
            self.assertLess(time.monotonic() - begin, 10)
            self.assertNotEqual(launcher.returncode, 0)
            self.assertIn("signal 9", errors)
            done = run(3, "train", deck, "--output", output, "--resume", output, "--set", "train.stop_after_steps=5")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_missed_verification_has_its_record_and_checkpoint(self):
        deck = self.deck(text=IMAGES + '[verify]\nmetric = "test_accuracy"\nat_least = 1.0\n')
        output = self.path / "missed"
        done = run(3, "train", deck, "--output", output)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len([line for line in own_lines(done.stderr) if "at least 1" in line]), 1)
        self.assertIs(json.loads((output / "images.train.json").read_text())["verified"], False)
        self.assertEqual(sorted(file.name for file in output.iterdir()), ["images.h5", "images.train.json"])

    def test_a_run_that_diverges_is_one_error(self):
        text = IMAGES.replace('kind = "adam", learning_rate = 0.01', 'kind = "sgd", learning_rate = 1e30')
        alone = run(0, "train", self.deck("float32", text=text), cwd=self.path)
        self.assertEqual(alone.returncode, 1, alone.stderr)
        done = run(3, "train", self.deck("float32", text=text), cwd=self.path)
        self.assertEqual(done.returncode, 1, done.stderr)
        errors = [line for line in own_lines(done.stderr) if line.startswith("ridgeline: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertIn("diverged at step", errors[0])

    def test_an_early_stop_is_the_same_for_every_number_of_ranks(self):
        deck = self.deck(text=IMAGES.replace("epochs = 3", "epochs = 40")
                         + 'early_stop = { metric = "test_loss", patience = 2 }\n')
        alone, together = self.train(0, deck), self.train(3, deck)
        self.assertEqual(alone["steps"], together["steps"])
        self.assertEqual(alone["best_epoch"], together["best_epoch"])

    def test_other_weights_to_begin_with_are_refused(self):
        decks = [self.deck(name=f"{seed}.toml", text=IMAGES.replace("seed = 5", f"seed = {seed}")) for seed in (5, 6)]
        for deck in decks:
            self.train(0, deck)
        inits = [self.path / f"{seed}-0/{seed}.h5" for seed in (5, 6)]
        one, other = ([RIDGELINE, "train", decks[0], "--init", init] for init in inits)
        done = subprocess.run(["mpirun", "-n", "1", *one, ":", "-n", "1", *other], env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=60, cwd=self.path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(own_lines(done.stderr),
                         ["ridgeline: rank 1 has another checkpoint to begin with than rank 0 (rank 0)"])

    def test_a_verb_that_measures_is_refused(self):
        done = run(2, "machine", "--quick", cwd=self.path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(len(own_lines(done.stderr)), 1, done.stderr)

    def test_verbs_for_one_process_run_once(self):
        done = run(3, "info")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("cuda_devices"), 1)


if __name__ == "__main__":
    sys.exit(unittest.main())
