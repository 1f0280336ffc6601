#!/usr/bin/env python3
"""Every command in the documents and the help exits with the status stated there, and prints 80 columns at most.

    RIDGELINE=build/openmp/bin/ridgeline python3 tests/docs/commands_test.py

Commands are the lines of indented blocks and the texts between backquotes that begin with a program of
ours or of the list below. Each `ridgeline` command runs in a folder that looks like a clone: its decks are
ours with little data and one epoch, and SMALLER bounds what is measured. A comment behind a command
("# exits with 75") or a line `<!-- exit 2 -->` before a block states another status than 0. Commands that cannot run
here are in NOT_RUN, with the reason. Every option that a document names must be in some `--help`.
"""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RIDGELINE = os.environ.get("RIDGELINE")
# The examples of the help, which docs/verbs.md repeats, have a test of their own.
DOCUMENTS = [ROOT / "README.md", *sorted(set((ROOT / "docs").rglob("*.md")) - {ROOT / "docs/verbs.md"}),
             ROOT / "jobs/README.md"]
SCRIPTS = {name: ROOT / name for name in ("jobs/workstation.sh", "jobs/gpu_characterise.sh",
                                          "jobs/state_dict.py", "docs/results/measured_fractions.py",
                                          "tests/run.sh", "jobs/gather.sh")}

# The beginning of a command; `cd x &&` or variables may precede it.
PROGRAMS = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\./)?(?:\S*bin/ridgeline|ridgeline|ridgeline/jobs/\S+|jobs/\S+|tests/\S+"
                      r"|cmake|ctest|sbatch|srun|mpirun|mpiexec|tar|python3?|apt(?:-get)?|sudo|git|mv|cp|export|reframe)(?: |$)")

# Commands that do not run here, as they are printed, and why.
WHOLE = "builds and runs for minutes; tests/jobs runs it with programs that stand in"
TESTS = "is what runs this test"
HOURS = "takes from minutes to an hour"
SLURM = "needs Slurm; tests/jobs runs the job with programs that stand in"
RANKS = "builds a second time; the test ranks trains on several ranks"
TORCH = "needs torch; the test state_dict covers it"
NOT_RUN = {
    "./jobs/workstation.sh": WHOLE,
    "./jobs/workstation.sh --space cuda": WHOLE,
    "jobs/gpu_characterise.sh --quick": WHOLE,
    "jobs/gpu_characterise.sh --pack ridgeline.tar.gz": WHOLE,
    "tar xzf ridgeline.tar.gz && ridgeline/jobs/gpu_characterise.sh --quick": WHOLE,
    "./tests/run.sh": TESTS,
    "./tests/run.sh --soak": HOURS,
    "./tests/run.sh --fuzz": HOURS,
    "cmake --preset openmp && cmake --build --preset openmp": TESTS,
    "cmake --preset openmp-mpi": RANKS,
    "cmake --preset openmp-mpi && cmake --build --preset openmp-mpi": RANKS,
    "mpirun -n 2 build/openmp-mpi/bin/ridgeline train inputs/fashion_mlp.toml --output results": RANKS,
    "sbatch --nodes=2 --ntasks-per-node=4 --cpus-per-task=8 jobs/train_mpi.slurm inputs/fashion_resnet.toml": SLURM,
    "cmake --install build/openmp --prefix DIR": "the test install runs it",
    "cmake -S . -B build -DCMAKE_PREFIX_PATH=DIR": "the test install runs it",
    "cmake --build build": "the test install runs it",
    "cmake --preset cuda -DRIDGELINE_CUDA_ARCH=90": "needs the CUDA toolkit, and builds Kokkos",
    "jobs/gather.sh": "takes minutes; tests/jobs runs it with a program that stands in",
    "KOKKOS_PROFILE_LIBRARY=./kernel_times.so build/openmp/bin/ridgeline train inputs/synthetic_mlp.toml"
    " --set train.epochs=2": "the test packaging runs it with fewer data",
    "export RIDGELINE=build/openmp/bin/ridgeline": "is for the next line, which needs ReFrame",
    "reframe -c packaging/reframe/ridgeline_checks.py -r --system generic --exec-policy serial": "needs ReFrame",
    "sbatch jobs/train_openmp.slurm": SLURM,
    "sbatch --cpus-per-task=16 jobs/train_openmp.slurm inputs/synthetic_mlp.toml --set train.epochs=20": SLURM,
    "sbatch jobs/train_cuda.slurm": SLURM,
    "sbatch jobs/characterise.slurm": SLURM,
    "sbatch --gpus-per-node=1 jobs/characterise.slurm cuda": SLURM,
    "sbatch jobs/threads_array.slurm inputs/fashion_mlp.toml --set train.batch=1024": SLURM,
    "python3 make_data.py": "has run before each test",
    "export PATH=$PWD/build/openmp/bin:$PWD/jobs:$PATH": "changes the caller's shell",
    "cp -r docs/examples/own_data spirals && cd spirals": "its files are copied before each test",
    "jobs/state_dict.py to-pytorch fashion_mlp.h5 fashion_mlp.pt": TORCH,
    "jobs/state_dict.py to-ridgeline model.pt init.h5 --rename 0=fc1 --rename 2=fc2": TORCH,
    "tests/references/make.py --only layers": "needs torch, and writes references that are committed",
    "tests/peers/compare_trials.py --build build/openmp": "takes minutes, and an otherwise idle machine",
    "mv run/NAME.previous run/long.h5": "there is a NAME.previous only after two runs",
}

# Options that are added to a command, unless it has them, so that it ends within seconds.
LAYERS = ["--kinds", "dense", "--batches", "1,2", "--widths", "16"]
SMALLER = {
    "machine": ["--quick", "--space", "serial"],
    "roofline": ["--repeats", "1", "--space", "serial"],
    "study latency": ["--quick", "--to", "64KiB"],
    "study bandwidth": ["--quick", "--to", "64KiB"],
    "study concurrency": ["--quick", "--working-set", "1MiB", "--loads", "1,2"],
    "study dispatch": ["--quick", "--to", "64KiB"],
    "study divergence": ["--quick", "--array", "1MiB", "--iterations", "4096", "--paths", "1,2"],
    "study crossover": ["--quick", "--no-decks", *LAYERS],
    "study scaling": ["--quick", "--turns", "1", "--kinds", "dense", "--thread-counts", "1,2",
                      "--threads", "2"],
}
# Replacements for placeholders in commands, and for values that are too large here.
VALUES = {
    "DECK": "inputs/synthetic_mlp.toml",
    "BEFORE": "results/before",
    "AFTER": "results/after",
    "FOLDER": "results/before",
    "N": "1",
    "1,2,4,8,16": "1,2",
    "16,64,256": "16,32",
}
# A run that lasts until its time limit on any machine; resuming it ends at once.
ENDLESS = {"23h50m": ["1s", "--set", "train.epochs=1000000000"]}
# Options of other programs that the documents name.
OTHERS = {
    "--account", "--constraint", "--cpus-per-task", "--exclusive", "--gpus-per-node", "--gres", "--nodelist",
    "--nodes", "--ntasks-per-node", "--partition", "--signal",  # Slurm's
    "--map-by",                                      # Open MPI's
    "--build", "--install", "--preset", "--prefix",  # CMake's
    "--only",                                        # of tests/references/make.py
    "--gtest_filter",
    "--completion",  # ours, not in the help
    "--system", "--exec-policy",                     # ReFrame's
    "--test",                                        # Spack's
    "--kokkos-tools-library", "--kokkos-tools-libs", "--kokkos-tools-args",  # Kokkos's
}

VERBS_HEAD = """# The verbs

| verb | does |
|---|---|
| `train DECK` | trains the network of an input deck; `--dry-run` prints what would run, `--resume FILE` (or a folder: its newest valid checkpoint) continues with bitwise equal results |
| `infer DECK --checkpoint FILE` | computes loss and accuracy on the deck's test set, or outputs `--output Y.h5` for `--input X.h5`, or, for a text deck, continues `--prompt TEXT` |
| `machine` | measures latency and bandwidth ladders, chains of kernels, peak arithmetic, dispatch and fork-join costs, kernels at canonical shapes and transfers, for each space; `--from-datasheet` describes another machine instead |
| `roofline DECK` | times every layer and phase in place and names what bounds it, or `overhead` if no ceiling explains its time; `--batch 1,8,32,128` compares batches |
| `study NAME` | measures one claim about latency and bandwidth: `latency`, `bandwidth`, `concurrency`, `dispatch`, `divergence`, `crossover`, `scaling` |
| `report FILE…` | writes one HTML page with pictures from any results: rooflines, ladders, training, studies, comparisons ([report.md](report.md)) |
| `compare BEFORE AFTER` | prints ratios of two files or folders of results, and which exceed the noise |
| `deck --keys` | prints every key that decks may have, with type, range, default and meaning ([deck.md](deck.md)) |
| `info` | prints build, Kokkos, spaces, devices |

`--space serial|openmp|cuda|auto` chooses where; one build holds every space it was configured with. `--device N`
chooses among devices, `--bind none|compact|spread|0,2-5` the processors of the host's threads. `--set train.epochs=2`
overrides any key of a deck. `--format table|csv|json` selects the format of tables: csv and json have every column, a
table has those that fit the terminal (`COLUMNS`; 80 in a file; at least 80), or all with `--wide`. Exit status: 0
success; 1 the run failed, missed a bound of the deck's `[verify]` (only a note if `--set` or `--seed` changed what is
trained, unless `--verify` is given), or could not write its results (a full disk, a closed pipe); 2 the request was
invalid; 75 stopped by a signal or a time limit, after writing a checkpoint (before its first step a run writes none).

What `ridgeline VERB --help` prints follows. Every verb also accepts Kokkos's own flags (`--kokkos-…`), and `ridgeline
--version` prints version and commit.
"""

DATA = """[data]
kind = "synthetic"
shape = [1, 28, 28]
classes = 10
samples = 100
"""


class Command:
    def __init__(self, text, status, where):
        self.text, self.status, self.where = text, status, where

    def __repr__(self):
        return f"{self.where}: {self.text}"


def pieces_of(path):
    """The code of a document: (line, text, whether it is a line of a block, the line before the block)."""
    blank, block, before, paragraph = True, False, "", []
    for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
        block = line.startswith("    ") and (blank or block)
        blank = not line.strip()
        if block:
            yield number, line.strip(), True, before
        elif not blank:
            before = line
            paragraph.append(line)
        if blank or block:
            # A text between backquotes may continue in the next line.
            for text in re.findall(r"`([^`]+)`", " ".join(paragraph)):
                yield number - len(paragraph), text, False, ""
            paragraph = []


def commands_of(path):
    """The commands of a document, in their order, and once each."""
    found = {}
    for number, text, in_block, before in pieces_of(path):
        text, _, comment = text.partition(" #")
        text = text.strip()
        # In a sentence, the name of a script alone is not a command.
        if not PROGRAMS.match(text) or (not in_block and " " not in text):
            continue
        said = re.search(r"exits with (\d+)", comment) or re.fullmatch(r"<!-- exit (\d+) -->", before)
        where = f"{os.path.relpath(path, ROOT)}:{number}"
        found.setdefault(text, Command(text, int(said.group(1)) if said else 0, where))
    return list(found.values())


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", text))


def options_named_in(path):
    """Options that a document names anywhere, with the line of each."""
    found = {}
    for number, text, _, _ in pieces_of(path):
        for option in options_in(text):
            found.setdefault(option, f"{os.path.relpath(path, ROOT)}:{number}")
    return found


def example_of(text):
    """The commands below "Example:" of a help."""
    lines = text.partition("Example:")[2].splitlines()
    return [line.strip() for line in lines if line.startswith("  ")]


def small_deck(text, name):
    """A deck of ours that needs no data from elsewhere and trains in a moment."""
    if re.search(r'^kind = "idx"', text, re.MULTILINE):
        target = re.search(r"^target = .*$", text, re.MULTILINE)
        data = DATA + (target.group() + "\n" if target else "")
        text = re.sub(r"^\[data\]\n.*?(?=^\[)", data, text, flags=re.MULTILINE | re.DOTALL)
        text = text.replace('"binary_cross_entropy"', '"mse"')  # generated values are not probabilities
    elif re.search(r'^kind = "text"', text, re.MULTILINE):
        text = re.sub(r"^path = (\[.*?^\]|.*?)$", f'path = "{name}.txt"', text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^samples = .*$", "samples = 100", text, flags=re.MULTILINE)
    text = re.sub(r"^\[verify\]\n.*?(?=^\[|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^epochs = .*$", "epochs = 1", text, flags=re.MULTILINE)
    text = re.sub(r"learning_rate = [^,} ]+", "learning_rate = 0.001", text)  # few samples diverge at more
    return re.sub(r"^batch = .*$", "batch = 10", text, flags=re.MULTILINE)


@unittest.skipIf(RIDGELINE is None, "the environment variable RIDGELINE names no ridgeline")
class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = str(pathlib.Path(RIDGELINE).resolve())
        cls.helps = {}
        cls.done = []  # commands that documents and help share run once
        cls.machines = {}  # files of `machine` by the options that measured them
        verbs = cls.subcommands(())
        for verb in verbs:
            for study in cls.subcommands((verb,)):
                cls.helps[verb, study] = cls.help_of(verb, study)
        cls.documented = [command for path in DOCUMENTS for command in commands_of(path)]
        # Studies with a command of their own.
        cls.studied = {word for command in cls.documented for word in command.text.split()}

    @classmethod
    def help_of(cls, *verb):
        result = subprocess.run([cls.program, *verb, "--help"], check=True, capture_output=True,
                                encoding="utf-8", timeout=60)
        return result.stdout

    @classmethod
    def subcommands(cls, verb):
        text = cls.helps[verb] = cls.help_of(*verb)
        listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
        return re.findall(r"^  (\w+)", listed.group(1), re.MULTILINE) if listed else []

    def make_folder(self):
        """What looks like a clone, for commands that are run."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        self.environment.pop("COLUMNS", None)
        (self.folder / "inputs").mkdir()
        for deck in (ROOT / "inputs").glob("*.toml"):
            text = small_deck(deck.read_text(), deck.stem)
            (self.folder / "inputs" / deck.name).write_text(text)
            (self.folder / "inputs" / f"{deck.stem}.txt").write_text(text * 10)
        shutil.copy(ROOT / "inputs/diabetes.h5", self.folder / "inputs")
        # Files that documents assume.
        shutil.copytree(ROOT / "docs/results/epyc-2-cores", self.folder / "docs/results/epyc-2-cores")
        shutil.copy(ROOT / "docs/results/h200-16-cores/machine.json", self.folder / "gpu.json")
        shutil.copytree(ROOT / "inputs/machines", self.folder / "inputs/machines")
        for side in ("before", "after"):
            shutil.copytree(ROOT / "docs/results/h200-16-cores", self.folder / "results" / side)
            shutil.copytree(self.folder / "results" / side, self.folder / side)
        self.lacking = set()
        shutil.copytree(ROOT / "docs/examples/own_data", self.folder, dirs_exist_ok=True)
        self.make_data()
        self.run_in_clone(["train", "inputs/fashion_mlp.toml", "--quiet"])
        self.run_in_clone(["train", "inputs/synthetic_mlp.toml", "--quiet", "--checkpoint", "init.h5"])

    def make_data(self):
        for python in ("python3", "/usr/bin/python3"):
            if subprocess.run([python, "-c", "import h5py"], check=False, capture_output=True).returncode == 0:
                subprocess.run([python, "make_data.py"], cwd=self.folder, check=True)
                return
        self.lacking.add("spirals.h5")  # which docs/own_network.md needs

    def run_in_clone(self, arguments, status=0):
        result = subprocess.run([self.program, *arguments], cwd=self.folder, check=False, timeout=120,
                                capture_output=True, encoding="utf-8", errors="replace",
                                env=self.environment)
        self.assertEqual(result.returncode, status, f"{arguments}: {result.stderr}")
        if not {"--help", "--json"} & set(arguments):
            wide = [line for line in result.stdout.splitlines() if len(line) > 80]
            self.assertEqual(wide, [], f"{arguments} prints more than 80 columns")
        return result

    def verb_of(self, arguments):
        """The verb, with the study if it is one."""
        verb = tuple(arguments[:2]) if tuple(arguments[:2]) in self.helps else tuple(arguments[:1])
        return verb if verb in self.helps else ()

    def run_small(self, text, status):
        arguments = []
        for word in shlex.split(text)[1:]:
            arguments += ENDLESS.get(word, [VALUES.get(word, word)])
        for option, value in self.smaller(arguments):
            arguments += [option, *value]
        if (arguments, status) in self.done:
            return
        self.done.append((arguments, status))
        if arguments[0] == "machine" and "--help" not in arguments:
            self.measure_machine(arguments)
        else:
            self.run_in_clone(arguments, status)

    def measure_machine(self, arguments):
        """Measures once what commands measure that differ in --output alone: it takes 20 seconds."""
        words, output = list(arguments), None
        if "--output" in words:
            at = words.index("--output")
            output = words[at + 1]
            del words[at:at + 2]
        key = tuple(sorted(words))
        if key not in self.machines:
            self.run_in_clone([*words, "--output", "measured.json"])
            self.machines[key] = (self.folder / "measured.json").read_text()
        if output:
            (self.folder / output).write_text(self.machines[key])

    def smaller(self, arguments):
        words = SMALLER.get(" ".join(self.verb_of(arguments)), [])
        options = []
        for word in words:
            if word.startswith("--"):
                options.append((word, []))
            else:
                options[-1][1].append(word)
        taken = set(arguments)
        if "--deck" in taken:
            taken.add("--no-decks")
        return [(option, value) for option, value in options if option not in taken and "--help" not in taken]

    def is_ridgeline(self, text):
        return re.match(r"(\S*bin/)?ridgeline ", text) is not None

    def test_of_the_documents_exit_as_they_say(self):
        self.make_folder()
        for command in self.documented:
            if not self.is_ridgeline(command.text) or "…" in command.text:
                continue
            if self.lacking and command.where.startswith("docs/own_network.md"):
                continue
            texts = [command.text]
            if "VERB" in command.text:
                texts = [command.text.replace("VERB", " ".join(verb)) for verb in self.helps if verb]
            if "NAME" in command.text:
                texts = [verb[1] for verb in self.helps if len(verb) == 2]
                self.assertGreater(len(texts), 5)
                texts = [command.text.replace("NAME", name) for name in texts if name not in self.studied]
            for text in texts:
                with self.subTest(str(command)):
                    self.run_small(text, command.status)

    def test_of_the_help_exit_with_0(self):
        self.make_folder()
        # What the example of `machine` writes, which the documents' test has run.
        shutil.copy(ROOT / "docs/results/h200-16-cores/machine.json", self.folder / "machine.json")
        examples = {verb: example_of(text) for verb, text in self.helps.items()}
        # First what others read.
        for verb in sorted(examples, key=lambda verb: verb != ("machine",)):
            with self.subTest(" ".join(verb)):
                self.assertEqual(len(examples[verb]), 1, "one example per help")
                self.assertTrue(self.is_ridgeline(examples[verb][0]), examples[verb])
                self.assertEqual(self.verb_of(shlex.split(examples[verb][0])[1:])[:len(verb)], verb)
            if examples[verb]:
                with self.subTest(examples[verb][0]):
                    self.run_small(examples[verb][0], 0)

    def test_the_reference_of_verbs_is_what_the_help_prints(self):
        """docs/verbs.md; RIDGELINE_WRITE_TABLES=1 in the environment writes it."""
        text = VERBS_HEAD
        for verb in sorted(verb for verb in self.helps if verb):
            lines = [f"    {line}".rstrip() for line in self.helps[verb].strip().splitlines()]
            text += "\n".join([f"\n## {' '.join(verb)}\n", *lines, ""])
        page = ROOT / "docs/verbs.md"
        if os.environ.get("RIDGELINE_WRITE_TABLES"):
            page.write_text(text)
        self.assertEqual(page.read_text(), text, "RIDGELINE_WRITE_TABLES=1 writes the page")

    def test_of_other_programs_are_listed_with_the_reason_why_they_do_not_run_here(self):
        others = {command.text: command for command in self.documented if not self.is_ridgeline(command.text)}
        self.assertEqual([str(others[text]) for text in others if text not in NOT_RUN], [],
                         "run them in this test, or list them in NOT_RUN")
        self.assertEqual([text for text in NOT_RUN if text not in others], [], "no document prints them now")

    def test_have_only_options_that_their_help_lists(self):
        for command in self.documented:
            for part in re.split(r"\s*&&\s*", command.text):
                words = shlex.split(part.replace("…", "..."))
                script = next((word for word in words if word.removeprefix("./") in SCRIPTS), None)
                if self.is_ridgeline(part + " "):
                    verb = self.verb_of([VALUES.get(word, word) for word in words[1:]])
                    if verb == () and "VERB" in words or "NAME" in words:
                        continue
                    known = self.helps[verb]
                elif script:
                    known = self.script_help(script.removeprefix("./"))
                else:
                    continue
                for option in options_in(part):
                    self.assertIn(option, options_in(known), str(command))

    def script_help(self, script):
        program = ["python3"] if script.endswith(".py") else ["bash"]
        texts = []
        for arguments in ([], ["to-pytorch"], ["to-ridgeline"]) if script.endswith(".py") else ([],):
            result = subprocess.run([*program, str(SCRIPTS[script]), *arguments, "--help"], check=True,
                                    capture_output=True, encoding="utf-8", timeout=60)
            texts.append(result.stdout)
        return "\n".join(texts)

    def test_options_that_a_document_names_exist(self):
        known = set()
        for text in self.helps.values():
            known |= options_in(text)
        for script in SCRIPTS:
            known |= options_in(self.script_help(script))
        named = {option: where for path in DOCUMENTS for option, where in options_named_in(path).items()}
        self.assertEqual([f"{where}: {option}" for option, where in named.items()
                          if option not in known | OTHERS], [], "no help lists them")
        self.assertEqual(OTHERS - set(named), set(), "no document names them now")


class Extraction(unittest.TestCase):
    """Tests which texts this test recognises as commands."""

    def commands(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a.md"
            path.write_text(text)
            return [(command.text, command.status) for command in commands_of(path)]

    def test_blocks_and_backquotes_hold_commands(self):
        self.assertEqual(self.commands("Text:\n\n    ridgeline info   # says it\n    a table  --  1\n\n"
                                       "or `ridgeline train\nDECK`, of `jobs/x.sh` and `train`\n"),
                         [("ridgeline info", 0), ("ridgeline train DECK", 0)])

    def test_a_status_is_said_behind_or_before(self):
        self.assertEqual(self.commands("    ridgeline a  # exits with 75\n\n<!-- exit 2 -->\n\n"
                                       "    ridgeline b\n    ridgeline c\n\nText.\n\n    ridgeline d\n"),
                         [("ridgeline a", 75), ("ridgeline b", 2), ("ridgeline c", 2), ("ridgeline d", 0)])

    def test_options_are_whole_words(self):
        self.assertEqual(options_in("--set a=--b x--c --kokkos-num --"), {"--set", "--b", "--kokkos-num"})


if __name__ == "__main__":
    unittest.main()
