#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "core/processors.hpp"
#include "core/thread_binding.hpp"
#include "core/topology.hpp"
#include "miniapp/ridgeline.hpp"

// The environment of a run: streams, signals, limits, variables, processors.

namespace ridgeline::testing {
namespace {

namespace fs = std::filesystem;

class Environment : public CommandLineThatComputes {
 protected:
  // A line of the shell in the scratch folder; R is the executable.
  CommandResult line(const std::string& text, const CommandOptions& options = {}) const {
    CommandOptions here = options;
    here.folder = folder.path();
    return shell(text, here);
  }
  CommandResult train_with(const std::map<std::string, std::string>& variables,
                           const Lines& more = {}) {
    CommandOptions options;
    options.environment = variables;
    Lines all = {"--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return train("out", all, options);
  }
  int threads() const { return record("out").at("machine").at("threads"); }
};

TEST_F(Environment, StandardErrorMayBeClosedOrFull) {
  for (const char* to : {"2>&-", "2>/dev/full"}) {
    const std::string end = " " + std::string(to);
    EXPECT_EQ(line("$R train deck.toml --output out" + end).status, 0) << to;
    EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "epoch"), 3) << to;
    EXPECT_EQ(line("$R train none.toml" + end).status, 2) << to;
    fs::remove_all(folder / "out");
  }
}

TEST_F(Environment, StandardOutputThatCannotBeWrittenFailsAtTheEnd) {
  // The printed results are lost, but the checkpoint is written.
  for (const char* to : {">&-", ">/dev/full"}) {
    const CommandResult result = line("$R train deck.toml --output out --quiet " + std::string(to));
    expect_refused(result, "standard output: cannot write", 1);
    EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "epoch"), 3) << to;
    EXPECT_TRUE(fs::exists(folder / "out/deck.train.json"));
    fs::remove_all(folder / "out");
  }
  expect_refused(line("$R --help >/dev/full"), "standard output: cannot write", 1);
}

TEST_F(Environment, AReaderThatGoesAwayDoesNotEndTraining) {
  const CommandResult result = line(
      "$R train deck.toml --output out --set train.epochs=400 --quiet | head -1; "
      "exit ${PIPESTATUS[0]}");
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "epoch"), 400);
}

TEST_F(Environment, ALimitOfFileSizesIsAFullDisk) {
  const CommandResult result = line("ulimit -f 0; $R train deck.toml --quiet >out.txt");
  expect_refused(result, "deck.h5: cannot write: File too large", 1);
  // The checkpoint's folder is unchanged.
  EXPECT_FALSE(fs::exists(folder / "deck.h5"));
}

TEST_F(Environment, SignalsThatEndARunLeaveACheckpoint) {
  const Lines endless = {"--set", "train.epochs=1000000", "--set", "checkpoint.every_epochs=0"};
  for (const int signal : {SIGHUP, SIGUSR2}) {
    const std::string out = "signal" + std::to_string(signal);
    Command command(command_line(train_line(out, endless)));
    ASSERT_TRUE(command.wait_until(
        [&] { return std::count(command.out().begin(), command.out().end(), '\n') > 3; }));
    command.send(signal);
    EXPECT_EQ(command.wait().status, 75);
    EXPECT_GT(io::Hdf5Reader(checkpoint(out)).integer_attribute("/state", "step"), 0);
  }
}

TEST_F(Environment, ASignalThatIsIgnoredAtItsStartStaysIgnored) {
  CommandOptions nohup;
  nohup.ignored_signals = {SIGHUP, SIGUSR1};
  Command command(command_line(train_line("out", {"--set", "train.epochs=1000000"})), nohup);
  ASSERT_TRUE(command.wait_until(
      [&] { return std::count(command.out().begin(), command.out().end(), '\n') > 3; }));
  command.send(SIGHUP);
  command.send(SIGUSR1);
  const std::size_t before = command.out().size();
  EXPECT_TRUE(command.wait_until([&] { return command.out().size() > before + 500; }));
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().status, 75);
}

// Returns whether a process has a handler for a signal.
bool handles(pid_t process, int signal) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("SigCgt:", 0) != 0) continue;
    return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

TEST_F(Environment, ASignalBeforeTheFirstStepEndsTheRunAtOnce) {
  // Data whose generation takes some time.
  folder.write("deck.toml", deck_with("samples = 640", "samples = 3000000"));
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    Command command(command_line(train_line("out")));
    ASSERT_TRUE(command.wait_until([&] { return handles(command.process(), signal); }));
    command.send(signal);
    const CommandResult result = command.wait();
    EXPECT_EQ(result.status, 75);
    EXPECT_EQ(result.err, "stopped by a signal\n");
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(folder.listing(), "deck.toml");
  }
  std::filesystem::create_directory(folder / "out");
  Command command(command_line(train_line("out")));
  ASSERT_TRUE(
      command.wait_until([&] { return std::filesystem::exists(folder / "out/deck.h5.lock"); }));
  command.send(SIGTERM);
  EXPECT_EQ(command.wait().status, 75);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "out"));
}

TEST_F(Environment, AStoppedMachineAndRooflineAreMarkedIncomplete) {
  const Lines verbs[] = {{"machine", "--quick", "--output"}, {"roofline", deck, "--output"}};
  for (const Lines& verb : verbs) {
    const std::string file = folder / (verb[0] + ".json");
    Lines arguments = verb;
    arguments.push_back(file);
    Command command(command_line(arguments));
    usleep(1500000);
    command.send(SIGTERM);
    const CommandResult result = command.wait();
    EXPECT_EQ(result.status, 75) << result.err;
    EXPECT_TRUE(contains(result.err, "warning: stopped before its end"));
    EXPECT_EQ(io::read_json(file, "ridgeline-" + verb[0]).at("complete"), false);
  }
  expect_refused(ridgeline({"roofline", deck, "--machine", folder / "machine.json"}),
                 "machine.json: is incomplete");
}

TEST_F(Environment, ALimitOfThreadsMeansFewerAndAWarning) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const std::pair<std::map<std::string, std::string>, std::string> limits[] = {
      {{{"OMP_THREAD_LIMIT", "1"}, {"OMP_NUM_THREADS", "2"}},
       "warning: 1 thread instead of 2: OMP_THREAD_LIMIT=1\n"},
      {{{"OMP_MAX_ACTIVE_LEVELS", "0"}, {"OMP_NUM_THREADS", "2"}},
       "warning: 1 thread instead of 2: OMP_MAX_ACTIVE_LEVELS=0\n"}};
  for (const auto& [variables, warning] : limits) {
    const CommandResult result = train_with(variables);
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, warning);
    EXPECT_EQ(threads(), 1);
    const io::Json warnings = record("out").at("machine").at("thread_warnings");
    EXPECT_EQ("warning: " + warnings.at(0).get<std::string>() + "\n", warning);
  }
  // As many as it allows, however busy the machine is.
  EXPECT_EQ(train_with({{"OMP_DYNAMIC", "true"}, {"OMP_NUM_THREADS", "2"}}).status, 0);
}

TEST_F(Environment, AnUnusableVariableIsRefusedByName) {
  const std::pair<std::string, std::string> variables[] = {
      {"OMP_NUM_THREADS", "abc"},     {"OMP_NUM_THREADS", "600"}, {"OMP_THREAD_LIMIT", "0"},
      {"OMP_DYNAMIC", "maybe"},       {"OMP_PROC_BIND", "yes"},   {"OMP_MAX_ACTIVE_LEVELS", "-1"},
      {"KOKKOS_NUM_THREADS", "many"}, {"KOKKOS_DEVICE_ID", "x"}};
  for (const auto& [name, value] : variables) {
    if (!has_space("openmp") && value == "600") continue;
    const CommandResult result = train_with({{name, value}});
    EXPECT_EQ(result.status, 2) << name;
    // libgomp prints a warning too, before main.
    ASSERT_EQ(result.errors().size(), 1u) << result.err;
    EXPECT_TRUE(contains(result.errors()[0], "environment's " + name + "=" + value + ": must be"));
  }
  if (!has_space("openmp")) return;
  for (const char* name : {"OMP_STACKSIZE", "GOMP_STACKSIZE"}) {
    expect_refused(train_with({{name, "999999G"}}),
                   "2 threads cannot be started: Resource temporarily unavailable; the "
                   "environment has " +
                       std::string(name) + "=999999G");
    EXPECT_FALSE(std::filesystem::exists(folder / "out/deck.h5.lock"));
  }
  EXPECT_EQ(train_with({{"OMP_STACKSIZE", "4 M"}}).status, 0);
  const CommandResult places = train_with({{"OMP_PLACES", "{60000}"}});
  EXPECT_EQ(places.status, 2);
  EXPECT_TRUE(contains(places.errors()[0], "environment's OMP_PLACES={60000}: must be places"));
}

TEST_F(Environment, ThreadsComeFromTheOptionThenOpenMpThenKokkos) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  EXPECT_EQ(train_with({{"KOKKOS_NUM_THREADS", "3"}}).status, 0);
  EXPECT_EQ(threads(), 3);
  EXPECT_EQ(train_with({{"KOKKOS_NUM_THREADS", "3"}, {"OMP_NUM_THREADS", "2,1"}}).status, 0);
  EXPECT_EQ(threads(), 2);
  EXPECT_EQ(train_with({{"KOKKOS_NUM_THREADS", "3"}}, {"--threads", "1"}).status, 0);
  EXPECT_EQ(threads(), 1);
  for (const char* flag : {"--kokkos-threads=0", "--kokkos-threads=600", "--kokkos-threads=abc",
                           "--kokkos-num-threads=", "--kokkos-threads"}) {
    expect_refused(train("other", {flag}), flag + std::string(": must be from 1 to 512"));
  }
  expect_refused(train("other", {"--threads", "513"}),
                 "--threads: must be an integer from 1 to 512");
}

TEST_F(Environment, MoreThreadsThanProcessorsAreAWarningInEveryVerbAndResult) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  CommandOptions one;
  one.environment = {{"OMP_PROC_BIND", "true"}, {"OMP_PLACES", "{0}"}, {"OMP_NUM_THREADS", "2"}};
  const std::string warning =
      "warning: 2 threads on 1 processor (0), with OMP_NUM_THREADS=2 OMP_PLACES={0} "
      "OMP_PROC_BIND=true: ";
  const CommandResult trained = train("out", {}, one);
  EXPECT_EQ(trained.status, 0);
  EXPECT_TRUE(contains(trained.err, warning));
  EXPECT_EQ(record("out").at("machine").at("threads_share_processors"), true);
  EXPECT_EQ(record("out").at("machine").at("processors_usable"), 1);
  const Lines verbs[] = {
      {"infer", deck, "--checkpoint", checkpoint("out")},
      {"roofline", deck, "--repeats", "1", "--machine",
       source_folder() + "/docs/results/h200-16-cores/machine.json", "--space", "openmp"},
      {"study", "latency", "--quick", "--from", "4KiB", "--to", "16KiB", "--space", "serial"}};
  for (const Lines& verb : verbs) {
    const CommandResult result = ridgeline(verb, one);
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(contains(result.err, warning)) << verb[0];
  }
  // The same by a mask, as srun sets it.
  CommandOptions pinned;
  pinned.pinned = true;
  const CommandResult masked =
      line("taskset -c 0 $R train deck.toml --output out --threads 2", pinned);
  EXPECT_TRUE(contains(masked.err, "warning: 2 threads on 1 processor (0): ")) << masked.err;
}

TEST_F(Environment, ThreadsAreBoundAsTheCommandLineSays) {
  if (!has_space("openmp")) GTEST_SKIP() << "a build with one thread";
  const auto machine = [&](const std::map<std::string, std::string>& variables, const Lines& more) {
    const CommandResult result = train_with(variables, more);
    EXPECT_EQ(result.status, 0) << result.err;
    return record("out").at("machine");
  };
  const int first = ProcessorMask::of_this_thread().processors().front();
  const std::string processor = std::to_string(first);
  const io::Json list = machine({}, {"--bind", processor});
  EXPECT_EQ(list.at("threads"), 1);
  EXPECT_EQ(list.at("bind"), "list");
  EXPECT_EQ(list.at("thread_processors"), io::Json::array({processor}));
  // It wins over the environment, also over threads that libgomp has bound before main.
  const std::map<std::string, std::string> bound = {{"OMP_PROC_BIND", "true"},
                                                    {"OMP_PLACES", "{" + processor + "}"}};
  EXPECT_EQ(machine(bound, {"--threads", "1"}).at("bind"), "environment");
  const std::vector<int> usable = ProcessorMask::of_this_thread().processors();
  if (usable.size() > 1) {
    const std::string last = std::to_string(usable.back());
    EXPECT_EQ(machine(bound, {"--bind", last}).at("thread_processors"), io::Json::array({last}));
    EXPECT_EQ(machine(bound, {"--bind", "spread"}).at("threads"),
              build().at("machine").at("threads"));
  }
  const io::Json none = machine({{"OMP_PROC_BIND", "true"}}, {"--bind", "none"});
  EXPECT_EQ(none.at("bind"), "none");
  EXPECT_EQ(none.at("threads_bound"), false);
  EXPECT_EQ(none.at("processors_usable"), build().at("machine").at("processors_usable"));
  for (const char* kind : {"compact", "spread"}) {
    EXPECT_EQ(machine({}, {"--bind", kind, "--threads", "1"}).at("bind"), kind);
  }
  expect_refused(train("none", {"--bind", "sideways"}), "--bind: must be none, compact, spread or");
  expect_refused(train("none", {"--bind", "60000"}), "--bind 60000: this process may not use 1 ");
  EXPECT_FALSE(fs::exists(folder / "none"));
}

TEST_F(Environment, APinnedThreadOfAnotherProcessKeepsItsProcessor) {
  const std::vector<int> all = ProcessorMask::of_this_thread().processors();
  if (!has_space("openmp") || all.size() < 2) GTEST_SKIP() << "a build or machine with one thread";
  const std::string first = std::to_string(all[0]);
  Command other({"/bin/bash", "-c",
                 "taskset -cp " + first + " $$ >/dev/null; echo pinned; while :; do :; done"});
  ASSERT_TRUE(other.wait_until([&] { return contains(other.out(), "pinned"); }));
  // Threads of tests that run at the same time may be pinned too.
  ASSERT_TRUE(other.wait_until(
      [&] { return processors_held_by_others(Topology::read()) == std::vector<int>{all[0]}; }));
  CommandOptions pinned;
  pinned.pinned = true;
  EXPECT_EQ(train("out", {"--quiet", "--threads", "1"}, pinned).status, 0);
  const io::Json placed = record("out").at("machine").at("thread_processors");
  ASSERT_EQ(placed.size(), 1u);
  EXPECT_NE(placed[0], first);
  // One processor too few for one thread each: none is pinned, and a warning says why.
  const CommandResult all_threads =
      train("all", {"--quiet", "--threads", std::to_string(all.size())}, pinned);
  const std::regex warning(
      "warning: threads of other processes are pinned to (1 processor|[0-9]+ "
      "processors) \\(" +
      first + "[-,0-9]*\\) and run there");
  EXPECT_TRUE(std::regex_search(all_threads.err, warning)) << all_threads.err;
  EXPECT_EQ(record("all").at("machine").at("bind"), "none");
}

TEST_F(Environment, AFigureThatWasMeasuredWhileDisturbedSaysSo) {
  // One computing process per processor runs at the same time.
  std::vector<std::unique_ptr<Command>> others;
  for (std::size_t i = 0; i < ProcessorMask::of_this_thread().processors().size(); ++i) {
    others.push_back(
        std::make_unique<Command>(Lines{"/bin/bash", "-c", "echo started; while :; do :; done"}));
    ASSERT_TRUE(
        others.back()->wait_until([&] { return contains(others.back()->out(), "started"); }));
  }
  CommandOptions options;
  options.keeps_disturbance = true;
  // Long enough for windows that are judged.
  const CommandResult result =
      train("out", {"--set", "train.epochs=400", "--set", "checkpoint.every_epochs=400"}, options);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "warning: measured while disturbed: ")) << result.err;
  EXPECT_TRUE(contains(result.out, "figure of merit: ~")) << result.out;
  EXPECT_TRUE(contains(unwrapped(result.out), "; measured while disturbed")) << result.out;
  const io::Json disturbed = record("out").at("disturbed");
  EXPECT_EQ(disturbed.at("alarm"), true);
  EXPECT_FALSE(disturbed.at("reasons").empty());
  EXPECT_GT(disturbed.at("disturbed_seconds"), 0);
  // A run that has finished already has no measurements.
  const CommandResult again = train("out",
                                    {"--set", "train.epochs=400", "--set",
                                     "checkpoint.every_epochs=400", "--resume", checkpoint("out")},
                                    options);
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(contains(again.err, "has finished already")) << again.err;
  EXPECT_FALSE(contains(again.err, "measured while disturbed")) << again.err;
}

TEST_F(Environment, CeilingsOfProcessorsThatWereFurtherApartAreAWarning) {
  if (host_space() == "serial" || ProcessorMask::of_this_thread().processors().size() < 2) {
    GTEST_SKIP() << "one thread exchanges nothing";
  }
  // As if it had been measured here and now.
  io::Json machine = io::read_json(source_folder() + "/docs/results/h200-16-cores/machine.json",
                                   "ridgeline-machine");
  ASSERT_EQ(train("out").status, 0);
  machine["machine"] = record("out").at("machine");
  machine["pulse"] = {{"exchange", 1.0}};
  io::write_json(folder / "machine.json", machine);
  const CommandResult result = ridgeline({"roofline", deck, "--machine", folder / "machine.json",
                                          "--repeats", "3", "--space", host_space()});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "warning: a thread reads what another wrote in ")) << result.err;
  EXPECT_TRUE(contains(result.err, "the exchange is faster, as after")) << result.err;
}

TEST_F(Environment, MoreThan1024ProcessorsAreNoHindrance) {
#if defined(RIDGELINE_SANITIZED)
  GTEST_SKIP() << "a sanitizer's library has to be the first that is loaded";
#endif
  CommandOptions many;
  many.environment = {{"LD_PRELOAD", kPreload}, {"MANY_PROCESSORS", "4096"}};
  const CommandResult result = train("out", {"--bind", "compact"}, many);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(record("out").at("machine").at("threads_bound")) << result.err;
  EXPECT_EQ(record("out").at("machine").at("processors_usable"),
            build().at("machine").at("processors_usable"));
}

TEST_F(Environment, ARefusedPinningIsRecordedAsNone) {
#if defined(RIDGELINE_SANITIZED)
  GTEST_SKIP() << "a sanitizer's library has to be the first that is loaded";
#endif
  CommandOptions refused;
  refused.environment = {{"LD_PRELOAD", kPreload}, {"REFUSE_PINNING", "1"}};
  const std::vector<int> usable = ProcessorMask::of_this_thread().processors();
  for (const std::string& bind : {std::string("spread"), std::to_string(usable.front())}) {
    fs::remove_all(folder / "out");
    const CommandResult result = train("out", {"--threads", "1", "--bind", bind}, refused);
    EXPECT_EQ(result.status, 0) << result.err;
    const io::Json machine = record("out").at("machine");
    EXPECT_FALSE(machine.at("threads_bound"));
    EXPECT_EQ(machine.at("bind"), "none");
    EXPECT_EQ(machine.at("thread_binding"), "unbound: pinning was refused");
    EXPECT_EQ(machine.at("thread_processors"), io::Json({processor_list(usable)}));
    EXPECT_EQ(machine.at("processors_usable"), usable.size());
  }
}

TEST_F(Environment, OneThreadIsBoundInEveryBuild) {
  const std::string last = std::to_string(ProcessorMask::of_this_thread().processors().back());
  const CommandResult result = train("out", {"--threads", "1", "--bind", last});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(record("out").at("machine").at("threads_bound"));
  EXPECT_EQ(record("out").at("machine").at("thread_processors"), io::Json({last}));
}

TEST_F(Environment, WithoutInformationOnCachesItMeasuresAllTheSame) {
  const std::string hidden =
      "mount --make-rprivate / && "
      "for c in /sys/devices/system/cpu/cpu*/cache; do mount -t tmpfs none $c || exit 99; done; "
      "export HWLOC_COMPONENTS=-x86; ";  // else hwloc asks the processor itself
  if (line("unshare -m bash -c '" + hidden + "'").status != 0) {
    GTEST_SKIP() << "no private mount namespace here";
  }
  const std::string studies[] = {
      "study latency --space serial --quick --per-octave 1 --from 4KiB --to 64KiB",
      "study concurrency --space serial --quick --working-set 1MiB --loads 1,2"};
  for (const std::string& study : studies) {
    const CommandResult result =
        line("unshare -m bash -c '" + hidden + kExecutable + " " + study + "'");
    EXPECT_EQ(result.status, 0) << study << result.err;
  }
  const CommandResult info = line("unshare -m bash -c '" + hidden + kExecutable + " info --json'");
  EXPECT_TRUE(io::Json::parse(info.out).at("machine").at("caches").empty());
}

TEST_F(Environment, NumbersOnTheCommandLineAreDecimal) {
  ASSERT_EQ(train("out", {"--seed", "010"}).status, 0);
  EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "seed"), 10);
  ASSERT_EQ(train("out", {"--seed", "08"}).status, 0);
  EXPECT_EQ(io::Hdf5Reader(checkpoint("out")).integer_attribute("/state", "seed"), 8);
  if (has_space("openmp")) {
    ASSERT_EQ(train("out", {"--threads", "02"}).status, 0);
    EXPECT_EQ(threads(), 2);
  }
  for (const char* wrong : {"0x10", "1e3", "", "-1", "1.0", " 1", "9223372036854775808"}) {
    expect_refused(train("other", {"--seed", wrong}), "--seed: must be an integer of at least 0");
  }
  ASSERT_EQ(train("out").status, 0);
  expect_refused(ridgeline({"infer", deck, "--checkpoint", checkpoint("out"), "--batch", "0x8"}),
                 "--batch: must be an integer");
  expect_refused(ridgeline({"study", "latency", "--from", "0x10KiB"}), "--from: must be a size");
  expect_refused(ridgeline({"study", "latency", "--from", "-1"}), "--from");
  expect_refused(ridgeline({"study", "divergence", "--paths", "1,0x2"}),
                 "--paths: must be an integer");
}

TEST_F(Environment, KokkosPrintsNothing) {
  for (const char* flag : {"--kokkos-device-id=0", "--kokkos-device=0"}) {
    const CommandResult result = train("out", {flag, "--quiet"});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err, "") << flag;
  }
  const CommandResult wrong = train("other", {"--kokkos-device-id=abc"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_TRUE(contains(wrong.errors().at(0), "Kokkos refuses a flag or a variable"));
}

TEST_F(Environment, TheOutputOfAnyVerbIsOneJsonDocumentOrOneCsvTable) {
  folder.write("text.txt", std::string(3000, 'a') + "\n" + std::string(3000, 'b'));
  folder.write("text.toml", R"([data]
kind = "text"
path = "text.txt"
length = 8
[network]
layer = [{ kind = "embedding", vocabulary = 3, features = 4 }, { kind = "dense", units = 3 }]
[train]
epochs = 1
batch = 16
loss = "cross_entropy"
optimizer = { kind = "sgd", learning_rate = 0.1 }
)");
  io::Hdf5Writer inputs;
  inputs.write("/inputs", {2, 20}, std::vector<float>(40, 0.5f).data());
  inputs.save(folder / "in.h5");
  const std::string machine = source_folder() + "/docs/results/h200-16-cores/machine.json";
  const std::string lines[] = {
      "train deck.toml --set train.epochs=9",
      "train deck.toml --resume deck.h5 --set train.epochs=9",  // finished already
      "train deck.toml --dry-run",
      "train text.toml",
      "infer deck.toml --checkpoint deck.h5",
      "infer deck.toml --checkpoint deck.h5 --input in.h5 --output o.h5",
      "infer text.toml --checkpoint text.h5 --prompt a --length 5",
      "roofline deck.toml --repeats 1 --space " + host_space() + " --machine " + machine,
      "study latency --quick --from 4KiB --to 16KiB --space serial",
      "info"};
  for (const std::string& verb : lines) {
    const CommandResult json = line("$R " + verb + " --format json");
    EXPECT_EQ(json.status, 0) << verb << json.err;
    EXPECT_TRUE(io::Json::accept(json.out)) << verb << "\n" << json.out;
    const CommandResult csv = line("$R " + verb + " --format csv");
    EXPECT_EQ(csv.status, 0) << verb;
    // Every line ends as the first does, and none is empty: no second table.
    for (std::size_t at = csv.out.find('\n'); at != std::string::npos;
         at = csv.out.find('\n', at + 1)) {
      ASSERT_EQ(csv.out[at - 1], '\r') << verb << "\n" << csv.out;
    }
    EXPECT_EQ(csv.out.find("\r\n\r\n"), std::string::npos) << verb;
  }
}

}  // namespace
}  // namespace ridgeline::testing
