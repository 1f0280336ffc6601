#include "studies/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "deck_choice.hpp"
#include "io/file.hpp"
#include "io/json.hpp"
#include "progress.hpp"
#include "scaling_worker.hpp"
#include "session.hpp"
#include "signals.hpp"
#include "studies/bandwidth.hpp"
#include "studies/concurrency.hpp"
#include "studies/crossover.hpp"
#include "studies/dispatch.hpp"
#include "studies/divergence.hpp"
#include "studies/latency.hpp"
#include "studies/layer_families.hpp"
#include "verbs.hpp"

namespace ridgeline::miniapp {
namespace {

using studies::Control;
using studies::Study;

// The options of every study.
struct StudyOptions {
  std::string output, space = "auto";
  bool quick = false;
  std::function<void(io::RunFiles&)> add_inputs;  ///< the files that it reads; may be empty
};

// Returns the spaces of `--space`: auto is all of the build.
std::vector<SpaceKind> spaces_of(const std::string& name) {
  if (name == "auto") {
    resolve_space(name);  // throws where the build's device is missing
    return built_spaces();
  }
  return {resolve_space(name)};
}

void print_study(const Study& study, io::TableFormat format) {
  if (format == io::TableFormat::table)
    print_wrapped(fmt::format("The claim: {}.\n\n", study.claim));
  print(study.table, format);
  if (format != io::TableFormat::table) return;
  if (!study.answers.empty()) print("\n");
  for (const std::string& answer : study.answers) print_wrapped(fmt::format("- {}\n", answer), 2);
}

template <class Measure>
Status run(const StudyOptions& options, const CommonOptions& common, const Measure& measure) {
  const io::TableFormat format = io::parse_table_format(common.format);
  io::RunFiles files;
  if (options.add_inputs) options.add_inputs(files);
  if (!options.output.empty()) {
    add_output("--output", options.output, "choose another --output", files);
  }
  const std::vector<SpaceKind> spaces = spaces_of(options.space);
  const ComputeRuntime runtime(common);
  defer_stop_signals();
  Study study;
  {
    const ProgressLine progress;
    Control control;
    control.progress = [&](const std::string& line) { progress(line); };
    control.stopped = stop_requested;
    control.quick = options.quick;
    Guard guard(Runtime::host_threads().count);
    study = measure(spaces, control);
    study.disturbance = guard.report();
  }
  write_and_show(
      [&] {
        if (!options.output.empty()) io::write_json(options.output, studies::to_json(study));
      },
      [&] {
        for (const std::string& text : study.notes) note("note: " + text);
        print_study(study, format);
        warn_of(study.disturbance);
      });
  if (!options.output.empty()) note(written_to({options.output}));
  if (study.complete) return Status::done;
  return stopped_incomplete();
}

// Sizes in bytes: "64KiB", "1GiB", "4096".
CLI::Option* add_size(CLI::App& study, const std::string& name, std::size_t& bytes,
                      const std::string& description) {
  return study.add_option(name, bytes, description)->transform(size())->type_name("SIZE");
}

// A study's place on the command line.
struct StudyVerb {
  CLI::App& study;
  std::shared_ptr<StudyOptions> options;
  const CommonOptions& common;
  Action& action;
};

// Adds the options of every study.
void add_common_options(const StudyVerb& verb, const std::string& name) {
  StudyOptions& options = *verb.options;
  verb.study.add_option("--output", options.output,
                        "Write every point and fit to this file (JSON)");
  verb.study.add_option("--space", options.space, "This space alone (auto: all of the build)")
      ->type_name(kSpaceNames)
      ->capture_default_str();
  verb.study.add_flag("--quick", options.quick, "Within 30 s rather than 3 min: fewer points");
  verb.study.footer("Example:\n  ridgeline study " + name + " --output " + name + ".json");
}

void add_thread_counts(CLI::App& study, std::vector<int>& counts) {
  study
      .add_option("--thread-counts", counts,
                  "Host threads, such as 1,2,4 (default: powers of two up to all)")
      ->delimiter(',')
      ->transform(integer(1, kMostHostThreads));
}

void add_per_octave(CLI::App& study, int& per_octave, const std::string& defaults) {
  study.add_option("--per-octave", per_octave, "Points per octave (default: " + defaults + ")")
      ->transform(integer(1, 32));
}

// `measure(spaces, control)` gives the study.
template <class Measure>
void set_action(const StudyVerb& verb, const Measure& measure) {
  verb.study.callback(
      [options = verb.options, &common = verb.common, &action = verb.action, measure] {
        action = [=, &common] { return run(*options, common, measure); };
      });
}

// The same of a study that measures within its bounds, on each of the spaces.
template <class Bounds>
void set_action(const StudyVerb& verb, const std::shared_ptr<Bounds>& bounds,
                Study (*measure)(const Bounds&, const Control&)) {
  set_action(verb, [=](const auto& spaces, const Control& control) {
    bounds->spaces = spaces;
    return measure(*bounds, control);
  });
}

void add_latency(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::LatencyBounds>();
  add_size(verb.study, "--from", bounds->smallest, "Smallest working set (default: 4 KiB)");
  add_size(verb.study, "--to", bounds->largest,
           "Largest working set (default: 1 GiB, quick 256 MiB, at most a quarter of free memory)");
  add_per_octave(verb.study, bounds->per_octave, "8, quick 4");
  set_action(verb, bounds, studies::study_latency);
}

void add_bandwidth(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::BandwidthBounds>();
  add_size(verb.study, "--from", bounds->smallest,
           "Smallest working set of all arrays (default: 8 KiB)");
  add_size(verb.study, "--to", bounds->largest,
           "Largest working set (default: 1 GiB, quick 384 MiB, at most a quarter of free memory)");
  add_per_octave(verb.study, bounds->per_octave, "4, quick 2");
  add_thread_counts(verb.study, bounds->threads);
  set_action(verb, bounds, studies::study_bandwidth);
}

void add_concurrency(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::ConcurrencyBounds>();
  add_size(verb.study, "--working-set", bounds->working_set,
           "Bytes that the loads are scattered over (default: four times the last cache)");
  verb.study
      .add_option("--loads", bounds->loads, "Independent loads in flight per thread, such as 1,2,4")
      ->delimiter(',')
      ->transform(integer(1, 1 << 20));
  add_thread_counts(verb.study, bounds->threads);
  set_action(verb, bounds, studies::study_concurrency);
}

void add_dispatch(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::DispatchBounds>();
  add_size(verb.study, "--from", bounds->smallest, "Bytes of the smallest kernel (default: 256)");
  add_size(verb.study, "--to", bounds->largest,
           "Of the largest (default: 64 MiB, a device 256 MiB)");
  add_per_octave(verb.study, bounds->per_octave, "4, quick 2");
  set_action(verb, bounds, studies::study_dispatch);
}

void add_divergence(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::DivergenceBounds>();
  verb.study.add_option("--paths", bounds->paths, "Numbers of paths (default: 1,2,4,8,16,32)")
      ->delimiter(',')
      ->transform(integer(1, 1 << 20));
  verb.study
      .add_option("--iterations", bounds->iterations, "Iterations per launch (default: 1048576)")
      ->transform(integer(32, std::int64_t{1} << 31));
  add_size(verb.study, "--array", bounds->array_bytes,
           "Bytes of the array that is read (default: 256 MiB, quick 64 MiB)");
  set_action(verb, bounds, studies::study_divergence);
}

CLI::Option* add_kinds(CLI::App& study, std::vector<std::string>& kinds) {
  std::string names;
  for (const studies::LayerFamily& family : studies::layer_families()) {
    names += (names.empty() ? "" : ",") + family.kind;
  }
  return study.add_option("--kinds", kinds, "Kinds of layers, such as dense,lstm (default: all)")
      ->type_name("{" + names + "}")
      ->delimiter(',');
}

// Which two spaces are compared: the wider one second.
std::pair<SpaceKind, SpaceKind> two_spaces(const std::vector<SpaceKind>& spaces,
                                           const std::string& requested) {
  if (!requested.empty()) {
    const std::size_t comma = requested.find(',');
    if (comma == std::string::npos) {
      throw RequestError("--spaces: must be two, such as serial,openmp");
    }
    const std::pair<SpaceKind, SpaceKind> two = {resolve_space(requested.substr(0, comma)),
                                                 resolve_space(requested.substr(comma + 1))};
    if (two.first == two.second) {
      throw RequestError("--spaces: " + requested + " is one space twice; must be two");
    }
    return two;
  }
  if (spaces.size() < 2) {
    throw RequestError("crossover compares two spaces, and there is " + to_string(spaces[0]) +
                       " alone; --machine FILE sets another machine against it");
  }
  return {spaces[spaces.size() - 2], spaces[spaces.size() - 1]};
}

// The space of a machine file that stands for that machine: its device, or else all its cores.
std::string widest_space(const io::Json& machine, const std::string& file) {
  const auto spaces = machine.find("spaces");
  for (const char* name : {"cuda", "hip", "openmp", "serial"}) {
    if (spaces != machine.end() && spaces->contains(name)) return name;
  }
  throw RequestError(file + ": has no spaces; measure the machine with `ridgeline machine`");
}

void add_crossover(const StudyVerb& verb) {
  auto bounds = std::make_shared<studies::CrossoverBounds>();
  auto decks = std::make_shared<DeckChoice>();
  auto spaces = std::make_shared<std::string>();
  auto machine_file = std::make_shared<std::string>();
  CLI::Option* two = verb.study.add_option(
      "--spaces", *spaces, "The two spaces, such as openmp,cuda (default: the build's last two)");
  two->type_name("SPACE,SPACE");
  verb.study
      .add_option("--machine", *machine_file,
                  "A machine file that stands for the second space: at best, and as expected")
      ->excludes(two);
  CLI::Option* kinds = add_kinds(verb.study, bounds->kinds);
  verb.study.add_flag("--no-layers", bounds->no_layers, "Decks alone")->excludes(kinds);
  verb.study.add_option("--widths", bounds->widths, "Widths of the layers, such as 16,64,256")
      ->delimiter(',')
      ->transform(integer(1, 1 << 30));
  verb.study.add_option("--batches", bounds->batches, "Batches, such as 1,8,64")
      ->delimiter(',')
      ->transform(integer(1, 1 << 20));
  decks->add_to(verb.study);
  verb.options->add_inputs = [=](io::RunFiles& files) {
    if (!machine_file->empty()) files.input("--machine", *machine_file);
    decks->add_inputs(files);
  };
  set_action(verb, [=](const auto& all, const auto& control) {
    if (machine_file->empty()) {
      std::tie(bounds->first, bounds->second) = two_spaces(all, *spaces);
    } else {
      bounds->first = bounds->second = all.back();
      bounds->machine_file = io::read_json(*machine_file, "ridgeline-machine");
      bounds->machine_path = *machine_file;
      bounds->machine_space = widest_space(*bounds->machine_file, *machine_file);
    }
    std::vector<std::string> notes;
    bounds->decks = decks->load(notes);
    Study study = studies::study_crossover(*bounds, control);
    study.notes.insert(study.notes.begin(), notes.begin(), notes.end());
    return study;
  });
}

void add_scaling(const StudyVerb& verb) {
  auto request = std::make_shared<ScalingRequest>();
  auto most = std::make_shared<int>(0);
  add_thread_counts(verb.study, request->bounds.threads);
  verb.study
      .add_option("--turns", request->bounds.turns,
                  "Turns through all thread counts (default: 5, quick 3)")
      ->transform(integer(1, 1000));
  add_kinds(verb.study, request->bounds.kinds);
  request->decks.add_to(verb.study);
  verb.options->add_inputs = [=](io::RunFiles& files) { request->decks.add_inputs(files); };
  // The option with which the study starts its own program, once per number of threads.
  verb.study.add_option("--worker", *most)->group("");
  verb.study.callback([=, options = verb.options, &common = verb.common, &action = verb.action] {
    request->quick = options->quick;
    if (*most > 0) {
      action = [=, &common] { return run_scaling_worker(*most, *request, common); };
      return;
    }
    action = [=, &common] {
      if (options->space != "auto" && options->space != "openmp") {
        throw RequestError("--space: " + options->space + "; scaling is over threads of openmp");
      }
      return run(*options, common, [&](const std::vector<SpaceKind>&, const Control& control) {
        std::vector<std::string> notes;
        request->bounds.decks = request->decks.load(notes);
        const auto measure = [&](int threads) {
          return measure_in_worker(threads, *request, common);
        };
        Study study = studies::study_scaling(request->bounds, measure, control);
        study.notes.insert(study.notes.begin(), notes.begin(), notes.end());
        return study;
      });
    };
  });
}

// All studies; a new one is added here.
constexpr struct {
  const char *name, *description;
  void (*add_options)(const StudyVerb&);
} kStudies[] = {
    {"latency", "A dependent load against working set: cache levels, the TLB's part", add_latency},
    {"bandwidth", "Five streaming kernels against working set and threads", add_bandwidth},
    {"concurrency", "Bandwidth against threads and loads in flight, and Little's law",
     add_concurrency},
    {"dispatch", "What a launch, a reduction, a barrier and a transfer cost; T = a + V/b",
     add_dispatch},
    {"divergence", "The same FLOPs in up to 32 paths; regular, gathered, dependent access",
     add_divergence},
    {"crossover", "From which size on one space beats another, layer by layer, deck by deck",
     add_crossover},
    {"scaling", "Strong and weak scaling over threads of every layer and deck", add_scaling},
};

}  // namespace

void add_study(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb =
      app.add_subcommand("study", "One question of latency against bandwidth, measured");
  verb->require_subcommand(1);
  verb->footer(
      "Example:\n  ridgeline study latency --output latency.json\n"
      "docs/studies/ has a page per study.");
  for (const auto& [name, description, add_options] : kStudies) {
    const StudyVerb study = {*verb->add_subcommand(name, description),
                             std::make_shared<StudyOptions>(), common, action};
    add_common_options(study, name);
    add_options(study);
  }
}

}  // namespace ridgeline::miniapp
