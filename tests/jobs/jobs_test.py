#!/usr/bin/env python3
"""The jobs, in a folder of their own with programs that stand in for Slurm's and for Ridgeline.

    RIDGELINE=build/openmp/bin/ridgeline python3 tests/jobs/jobs_test.py

What needs a real `ridgeline` skips where the environment variable names none.
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RIDGELINE = os.environ.get("RIDGELINE")

DECK = """[data]
{data}
[network]
[[network.layer]]
kind = "dense"
units = 3
[train]
epochs = {epochs}
batch = 10
loss = "cross_entropy"
optimizer = {{ kind = "sgd", learning_rate = 0.1 }}
"""
SYNTHETIC = 'kind = "synthetic"\nshape = [8]\nclasses = 3\nsamples = 60'
# Records its arguments, and fails if a deck requests it.
STAND_IN = """#!/bin/bash
echo "$*" >>"$CALLS"
if [[ $* == "info --json" ]]; then echo '{"spaces": ["serial", "openmp"]}'; fi
if [[ $1 == train && -f $2 ]] && grep -q 'is = "faulty"' "$2"; then echo "ridgeline: $2: no" >&2; exit 2; fi
exit "${STATUS:-0}"
"""


class Jobs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        shutil.copytree(ROOT / "jobs", self.folder / "jobs")
        for name in ("build/openmp/bin", "bin", "inputs"):
            (self.folder / name).mkdir(parents=True)
        self.jobs = "jobs"
        self.ridgeline = self.folder / "build/openmp/bin/ridgeline"
        self.program("build/openmp/bin/ridgeline", STAND_IN)
        self.program("bin/srun", '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n')
        self.program("bin/scontrol", '#!/bin/bash\necho "scontrol $*" >>"$CALLS"\n')
        self.program("bin/cmake", "#!/bin/bash\n")
        self.program("jobs/dependencies.sh", "#!/bin/bash\n")

    def program(self, name, text):
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def install(self):
        """Makes an installation of the jobs and the stand-in, and runs its jobs from now on."""
        share = self.folder / "prefix/share/ridgeline"
        shutil.move(self.folder / "jobs", share / "jobs")
        shutil.move(self.folder / "inputs", share / "inputs")
        self.ridgeline_text = self.ridgeline.read_text()
        shutil.rmtree(self.folder / "build")
        (self.folder / "prefix/bin").mkdir()
        self.program("prefix/bin/ridgeline", self.ridgeline_text)
        self.jobs = "prefix/share/ridgeline/jobs"

    def deck(self, name, data=SYNTHETIC, epochs=2):
        (self.folder / name).write_text(DECK.format(data=data, epochs=epochs))

    def run_job(self, job, *arguments, **variables):
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                       "CALLS": str(self.folder / "calls"), "SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7",
                       "SLURM_ARRAY_TASK_ID": "0", "SLURM_CPUS_PER_TASK": "1"}
        environment.pop("RIDGELINE", None)  # the jobs' own variable
        environment.update(variables)
        return subprocess.run(["bash", f"{self.jobs}/{job}", *arguments], cwd=self.folder, env=environment,
                              check=False, capture_output=True, encoding="utf-8", timeout=300)

    def calls(self):
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@unittest.skipIf(RIDGELINE is None, "the environment variable RIDGELINE names no ridgeline")
class ThreadsArray(Jobs):
    @classmethod
    def setUpClass(cls):
        info = subprocess.run([RIDGELINE, "info", "--json"], capture_output=True, check=True)
        if "openmp" not in json.loads(info.stdout)["spaces"]:
            raise unittest.SkipTest("this build has no OpenMP")

    def setUp(self):
        super().setUp()
        self.ridgeline.unlink()
        self.ridgeline.symlink_to(pathlib.Path(RIDGELINE).resolve())

    def table(self, epochs, **variables):
        """The last lines of the job's log."""
        self.deck("deck.toml", epochs=epochs)
        result = self.run_job("threads_array.slurm", "deck.toml", "--quiet", **variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout[result.stdout.index("So far:"):].splitlines()[1:]

    def test_a_run_too_short_for_a_timing_has_a_dash(self):
        self.assertEqual([line.split() for line in self.table(epochs=2)][1:], [["1", "-", "0"]])

    def test_the_median_of_a_run_is_in_the_table(self):
        threads, median, repeats = self.table(epochs=20)[1].split()
        self.assertEqual(threads, "1")
        self.assertGreater(float(median), 0)
        self.assertGreater(int(repeats), 0)

    def test_the_table_has_a_line_per_finished_task_in_order_of_threads(self):
        for threads, step in ((2, {"median": 0.5, "repeats": 9}), (16, None)):
            folder = self.folder / f"build/results/threads_array-7/{threads:04}-threads"
            folder.mkdir(parents=True)
            (folder / "deck.train.json").write_text(json.dumps(
                {"machine": {"threads": threads} if step else {}, "step_seconds": step}))
        self.assertEqual([line.split() for line in self.table(epochs=2)][1:],
                         [["1", "-", "0"], ["2", "500.0000", "9"], ["-", "-", "0"]])

    def test_without_python_the_job_says_where_the_values_are(self):
        self.program("bin/python3", "#!/bin/bash\necho 'python3: command not found' >&2\nexit 127\n")
        self.assertEqual(self.table(epochs=2), ["there is no table; its values are step_seconds.median in "
                                                "build/results/threads_array-7/*/*train.json"])

    def test_the_status_is_that_of_ridgeline(self):
        self.assertEqual(self.run_job("threads_array.slurm", "no.toml").returncode, 2)


class Train(Jobs):
    def test_only_a_run_that_a_signal_stopped_is_requeued(self):
        for job, space in (("train_openmp.slurm", "openmp"), ("train_cuda.slurm", "cuda"),
                           ("train_mpi.slurm", "openmp-mpi")):
            (self.folder / f"build/{space}/bin").mkdir(parents=True, exist_ok=True)
            self.program(f"build/{space}/bin/ridgeline", STAND_IN)
            for status in (0, 1, 2, 75):
                (self.folder / "calls").unlink(missing_ok=True)
                result = self.run_job(job, "deck.toml", STATUS=str(status))
                self.assertEqual(result.returncode, status, result.stderr)
                self.assertEqual("scontrol requeue 7" in self.calls(), status == 75)

    def test_a_job_that_starts_again_resumes_from_its_checkpoint(self):
        self.run_job("train_openmp.slurm", "deck.toml")
        self.assertNotIn("--resume", self.calls()[0])
        checkpoint = "build/results/train_openmp-7/checkpoint.h5"
        (self.folder / checkpoint).touch()
        self.run_job("train_openmp.slurm", "deck.toml")
        self.assertRegex(self.calls()[1], "^report build/results/train_openmp-7 ")
        self.assertRegex(self.calls()[2], r"--resume build/results/train_openmp-7( |$)")


    def test_another_ridgeline_may_be_named(self):
        self.install()
        for job, first in (("train_openmp.slurm", "deck.toml"), ("train_cuda.slurm", "deck.toml"),
                           ("train_mpi.slurm", "deck.toml"),
                           ("threads_array.slurm", "deck.toml"), ("characterise.slurm", "openmp")):
            (self.folder / "calls").unlink(missing_ok=True)
            result = self.run_job(job, first, "more.toml", RIDGELINE=str(self.folder / "prefix/bin/ridgeline"))
            self.assertEqual(result.returncode, 0, f"{job}: {result.stderr}")
            *measured, report = self.calls()
            self.assertIn("more.toml", measured[-1])
            self.assertRegex(report, r"^report (build/results/\S+) --output \1/report\.html$")


class MissingData(Jobs):
    def missing(self, data):
        self.deck("inputs/deck.toml", data)
        result = self.run_job("missing_data.sh", "inputs/deck.toml")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def test_paths_start_in_the_folder_of_the_deck(self):
        (self.folder / "inputs/here.h5").touch()
        self.assertEqual(self.missing('path = "here.h5"'), [])
        self.assertEqual(self.missing('path="there.h5" # not "here.h5"'), ["inputs/there.h5"])
        self.assertEqual(self.missing(f'path = "{self.folder}"'), [])
        self.assertEqual(self.missing('path = "/no where"'), ["/no where"])

    def test_every_member_of_a_list_counts(self):
        (self.folder / "inputs/a").touch()
        self.assertEqual(self.missing('path = ["a", "b"]'), ["inputs/b"])
        self.assertEqual(self.missing('path = [\n  "a", "b",\n# "x"\n  "c" ]\nlength = 3\ntitle = "d"'),
                         ["inputs/b", "inputs/c"])

    def test_other_paths_are_no_data(self):
        self.assertEqual(self.missing(SYNTHETIC + '\n[checkpoint]\npath = "no.h5"'), [])

    def test_a_form_that_is_not_read_is_left_to_ridgeline(self):
        for path in ("path = 'no.h5'", 'path = """no.h5"""', 'path = "no\\u002eh5"'):
            self.assertEqual(self.missing(path), [])


class Workstation(Jobs):
    def setUp(self):
        super().setUp()
        self.deck("inputs/synthetic_mlp.toml")
        self.deck("inputs/fashion_mlp.toml", 'kind = "idx"\npath = "/no/where"')
        self.deck("faulty.toml", SYNTHETIC + '\nis = "faulty"')

    def test_missing_data_leave_out_a_deck_of_many(self):
        result = self.run_job("workstation.sh", "--all-decks")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note: leaving out fashion_mlp: there is no /no/where", result.stdout)
        self.assertIn("Training synthetic_mlp", result.stdout)
        self.assertNotIn("Training fashion_mlp", result.stdout)

    def test_missing_data_of_the_default_deck_have_a_substitute(self):
        result = self.run_job("workstation.sh")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note: training inputs/synthetic_mlp.toml, on data made here, instead", result.stdout)

    def test_missing_data_of_the_only_deck_are_an_error(self):
        result = self.run_job("workstation.sh", "--deck", "inputs/fashion_mlp.toml")
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Aworkstation.sh: .*fashion_mlp.toml: there is no /no/where\n\Z")

    def test_another_fault_ends_the_job_with_the_status_and_line_of_ridgeline(self):
        result = self.run_job("workstation.sh", "--deck", "faulty.toml", "--all-decks")
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr, r"\Aridgeline: .*faulty.toml: no\n\Z")
        self.assertNotIn("Training", result.stdout)


    def test_an_installation_needs_no_build(self):
        self.install()
        self.program("bin/cmake", "#!/bin/bash\nexit 1\n")
        result = self.run_job("workstation.sh")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("Building", result.stdout)
        self.assertIn("Everything as files, in ridgeline-workstation-openmp", result.stdout)
        *measured, report = self.calls()
        self.assertIn("prefix/share/ridgeline/inputs/synthetic_mlp.toml", measured[-1])
        self.assertEqual(report, "report ridgeline-workstation-openmp --output "
                         "ridgeline-workstation-openmp/report.html")


class Progress(Jobs):
    """The output of a build in workstation.sh."""

    def setUp(self):
        super().setUp()
        self.deck("inputs/fashion_mlp.toml")

    def build(self, lines, status=0):
        """Runs the job with a build that prints these lines."""
        (self.folder / "lines").write_text("".join(line + "\n" for line in lines))
        self.program("bin/cmake", f'#!/bin/bash\nif [[ $1 == --build ]]; then cat lines; exit {status}; fi\n'
                     'echo "-- Detecting"\necho "-- Building Kokkos 3.4, once (log: a)"\n')
        result = self.run_job("workstation.sh")
        self.assertEqual((self.folder / "build/openmp/build.log").read_text().splitlines(), lines)
        return result

    def test_is_a_line_per_quarter_and_the_rest_is_in_the_log(self):
        result = self.build([line for n in range(1, 9) for line in (f"[{n}/8] Building {n}.o", "a.c: warning: b")])
        self.assertEqual(result.returncode, 0, result.stderr)
        begin = result.stdout.index("configuring:")
        self.assertEqual(result.stdout[begin:result.stdout.index("\n\n", begin)].splitlines(),
                         ["configuring: Building Kokkos 3.4, once (log: a)"] +
                         [f"building: {n} of 8 (log: build/openmp/build.log)" for n in (2, 4, 6, 8)])

    def test_of_a_build_that_fails_the_errors_are_printed(self):
        result = self.build(["[1/2] a", "FAILED: a.o", "c++ -Werror -c a.cpp", "a.cpp:1:2: error: no",
                             "   1 | x", "ninja: build stopped: subcommand failed."], status=3)
        self.assertEqual(result.returncode, 3)
        self.assertEqual(result.stderr.splitlines(),
                         ["building failed with status 3 (log: build/openmp/build.log):", "a.cpp:1:2: error: no"])
        self.assertNotIn("Measuring", result.stdout)

    def test_of_a_build_that_fails_without_an_error_the_end_is_printed(self):
        result = self.build([f"line {n}" for n in range(30)], status=1)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.splitlines()[1:], [f"line {n}" for n in range(20, 30)])

    def test_of_an_error_of_cmake_the_explanation_is_printed(self):
        result = self.build(["-- a", "CMake Error at b:1 (message):", "  No Kokkos", "", "-- c"], status=1)
        self.assertEqual(result.stderr.splitlines()[1:],
                         ["CMake Error at b:1 (message):", "  No Kokkos", "", "-- c"])

    def test_is_one_line_on_a_terminal(self):
        terminal, end = os.openpty()
        self.addCleanup(os.close, terminal)
        subprocess.run(["bash", "-c", r"source jobs/lib.sh; logged building log printf '[%d/2] a\n' 1 2"],
                       cwd=self.folder, check=True, stdout=end, timeout=60)
        os.close(end)
        self.assertEqual(os.read(terminal, 1000).decode(), "\rbuilding: 1 of 2 (log: log)\033[K"
                         "\rbuilding: 2 of 2 (log: log)\033[K\r\033[K")


class Characterise(Jobs):
    def test_an_installation_is_measured(self):
        self.deck("inputs/made.toml")
        self.install()
        result = self.run_job("gpu_characterise.sh", "--quick")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("machine --output machine.json --quick", self.calls())
        self.assertTrue((self.folder / "ridgeline-characterise/summary.txt").exists())

    def test_data_are_replaced_only_where_they_are_missing(self):
        self.deck("inputs/made.toml")
        self.deck("inputs/absent.toml", 'kind = "idx"\npath = "/no/where"')
        self.deck("inputs/fables.toml", 'kind = "text"\npath = [\n  "/no/where",\n]\nlength = 8')
        results = self.folder / "build/results/characterise"
        job = ("gpu_characterise.sh", "--quick", "--build", str(self.folder / "build/openmp"))
        result = self.run_job(*job)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn('kind = "synthetic"', (results / "decks/absent.toml").read_text())
        self.assertIn('path = "text.txt"', (results / "decks/fables.toml").read_text())
        self.assertEqual((results / "decks/made.toml").read_text(), DECK.format(data=SYNTHETIC, epochs=2))
        self.assertNotIn("left out", result.stdout)

        self.deck("inputs/faulty.toml", SYNTHETIC + '\nis = "faulty"')
        result = self.run_job(*job)
        self.assertEqual(result.returncode, 1)
        self.assertIn("note: faulty is left out: decks/faulty.toml: no", (results / "notes.txt").read_text())
        self.assertFalse((results / "decks/faulty.toml").exists())
        self.assertTrue((results / "decks/made.toml").exists())


    def test_an_archive_has_what_the_job_and_its_tests_read(self):
        (self.folder / "build/cuda/tests").mkdir(parents=True)
        shutil.copytree(self.folder / "build/openmp/bin", self.folder / "build/cuda/bin")
        self.program("bin/strip", '#!/bin/bash\ncp "$3" "$2"\n')
        (self.folder / "libused.so").touch()
        self.program("bin/ldd", f'#!/bin/bash\necho "libused.so => {self.folder}/libused.so (0x1)"\n')
        programs = ("core", "kernels", "layers", "network", "machine", "studies")
        for name in programs:
            self.program(f"build/cuda/tests/test_{name}", STAND_IN)
        for folder in ("inputs", "tests/cases", "tests/references"):
            shutil.copytree(ROOT / folder, self.folder / folder, dirs_exist_ok=True)
        (self.folder / "docs").mkdir()
        shutil.copy(ROOT / "docs/layers.md", self.folder / "docs")
        result = self.run_job("gpu_characterise.sh", "--pack", str(self.folder / "packed.tar.gz"))
        self.assertEqual(result.returncode, 0, result.stderr)
        with tarfile.open(self.folder / "packed.tar.gz") as archive:
            packed = archive.getnames()
        for file in ROOT.glob("inputs/machines/*.json"):
            self.assertIn(f"ridgeline/inputs/machines/{file.name}", packed)
        self.assertIn("ridgeline/build/cuda/lib/libused.so", packed)
        for name in programs:
            self.assertIn(f"ridgeline/build/cuda/tests/test_{name}", packed)
            for source in (ROOT / "tests" / name).glob("*.cpp"):
                for path in re.findall(r'source_folder\(\) \+ "/([^"]+?)/?"', source.read_text()):
                    self.assertTrue(any(each.startswith(f"ridgeline/{path}") for each in packed),
                                    f"{source}: {path} is not in the archive")


class Gather(Jobs):
    def setUp(self):
        super().setUp()
        # Writes a file of the right name, and records its arguments.
        self.program("build/openmp/bin/ridgeline", STAND_IN.replace(
            'exit "${', """while (($# > 1)); do [[ $1 == --output ]] && output=$2; shift; done
printf '{\n  "model_id": "x86-made",\n  "samples": [1, 2],\n  "best": 1\n}\n' >"$output"
exit "${""", 1))
        self.program("bin/date", "#!/bin/bash\necho 2026-01-02\n")
        self.deck("inputs/made.toml")
        self.deck("inputs/absent.toml", 'kind = "idx"\npath = "/no/where"')

    def test_the_archive_has_the_machine_and_each_turn_packed_without_samples(self):
        result = self.run_job("gather.sh", "--turns", "2", "--batches", "1,8")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("note: leaving out absent: there is no /no/where", result.stdout)
        folder = self.folder / "docs/results/machines/x86-made/2026-01-02"
        self.assertEqual(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()),
                         ["machine.json.gz"] + [f"turn-{turn}/made-{phase}.json.gz"
                                                for turn in (1, 2) for phase in ("infer", "train")])
        for path in folder.rglob("*.gz"):
            self.assertEqual(json.loads(gzip.decompress(path.read_bytes())),
                             {"model_id": "x86-made", "best": 1})
        self.assertTrue(self.calls()[0].startswith("machine --space openmp"))
        self.assertEqual(len(self.calls()), 1 + 2 * 2)
        self.assertTrue(all("--batch 1,8" in call for call in self.calls()[1:]))

        again = self.run_job("gather.sh")
        self.assertEqual(again.returncode, 2)
        self.assertIn("is there already", again.stderr)

    def test_a_run_that_fails_ends_the_job_with_its_line_and_status(self):
        self.ridgeline.write_text(self.ridgeline.read_text().replace(
            'if [[ $1 == train', 'if [[ $1 == roofline ]]; then echo "ridgeline: no" >&2; exit 1; fi\nif [[ $1 == train'))
        result = self.run_job("gather.sh")
        self.assertEqual((result.returncode, result.stderr), (1, "ridgeline: no\n"))
        # And leaves no folder that would make the next run fail.
        self.assertFalse((self.folder / "docs/results/machines/x86-made/2026-01-02").exists())

    def test_turns_before_a_failed_run_are_kept(self):
        self.ridgeline.write_text(self.ridgeline.read_text().replace(
            'if [[ $1 == train', 'if [[ $* == *"--phase infer"* ]]; then exit 1; fi\nif [[ $1 == train'))
        self.assertEqual(self.run_job("gather.sh").returncode, 1)
        folder = self.folder / "docs/results/machines/x86-made/2026-01-02"
        self.assertTrue((folder / "machine.json.gz").exists())
        self.assertTrue((folder / "turn-1/made-train.json.gz").exists())

    def test_a_machine_file_that_should_not_be_kept_is_told(self):
        self.assertEqual(self.run_job("gather.sh", "--turns", "1").stderr, "")
        self.ridgeline.write_text(self.ridgeline.read_text().replace(
            '"best"', '"quiet": false,\\n  "ridgeline_version": "0.1.0 (0123abc-dirty)",\\n  "best"'))
        result = self.run_job("gather.sh", "--turns", "1", "--results", "again")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warning: the machine was not idle", result.stderr)
        self.assertIn("(-dirty)", result.stderr)

    def test_an_installation_measures_with_its_own_program(self):
        self.install()
        result = self.run_job("gather.sh", "--turns", "1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / "ridgeline-machines/x86-made/2026-01-02/turn-1/made-train.json.gz").exists())
        self.assertIn("prefix/share/ridgeline/inputs/made.toml", self.calls()[-1])

    def test_wrong_options_are_refused(self):
        for arguments in (["--turns", "0"], ["--turns"], ["--space", "tpu"], ["--wide"], ["--batches", ""],
                          ["--batches", "1,0"], ["--batches", "1,"], ["--batches", "1,8x"]):
            self.assertEqual(self.run_job("gather.sh", *arguments).returncode, 2, arguments)
        self.assertEqual(self.calls(), [])  # nothing was measured


if __name__ == "__main__":
    unittest.main()
