#include "model/roofline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/scalar.hpp"
#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine.hpp"
#include "machine/description.hpp"
#include "model/explanation.hpp"
#include "model/step_trace.hpp"
#include "network/trainer.hpp"
#include "roofline_table.hpp"
#include "session.hpp"
#include "signals.hpp"

namespace ridgeline::miniapp {
namespace {

struct RooflineOptions {
  DeckOptions deck;
  std::string machine, output, trace, phase = "train";
  std::vector<std::int64_t> batches;
  int repeats = 10;
};

/// The results of a run of the verb.
struct Measured {
  io::Json json;
  std::optional<CeilingSummary> ceilings;  ///< none if it was stopped before it had ceilings
  std::vector<model::BatchRoofline> batches;
  Disturbance disturbance;
  std::vector<std::string> notes;
  io::Json trace;  ///< null without --trace
};

std::vector<std::size_t> batches_of(const RooflineOptions& options, const config::Deck& deck) {
  std::vector<std::int64_t> batches = options.batches;
  if (batches.empty()) batches = {deck.train.batch};
  std::sort(batches.begin(), batches.end());
  batches.erase(std::unique(batches.begin(), batches.end()), batches.end());
  return {batches.begin(), batches.end()};
}

void write_result(const RooflineOptions& options, const config::Deck& deck, SpaceKind space,
                  const std::vector<std::string>& answers, Measured& measured) {
  io::Json& json = measured.json;
  json["network"] = deck.title;
  json["space"] = to_string(space);
  json["phase"] = options.phase;
  json["precision"] = config::to_string(deck.network.precision);
  json["gemm"] = config::to_string(deck.network.gemm);
  json["threads"] = space == SpaceKind::openmp ? Runtime::host_threads().count : 1;
  json["machine_file"] = measured.ceilings ? io::Json(measured.ceilings->machine_file) : io::Json();
  json["ceilings"] = measured.ceilings ? to_json(*measured.ceilings) : io::Json();
  json["complete"] = !stop_requested();
  json["disturbed"] = machine::to_json(measured.disturbance);
  deck_to_json(json, deck, options.deck.sets);
  json["answers"] = answers;
  json["notes"] = measured.notes;
  // As requested, so that a run that was stopped after the first of several batches has the same
  // structure; without any batch there is no total.
  if (batches_of(options, deck).size() == 1 && !measured.batches.empty()) {
    io::Json only;
    model::to_json(only, measured.batches.front().roofline);
    json["batch"] = measured.batches.front().batch;
    json.update(only);
  } else {
    json["batches"] = io::Json::array();
    for (const model::BatchRoofline& at : measured.batches) {
      io::Json entry;
      model::to_json(entry, at.roofline);
      entry["batch"] = at.batch;
      json["batches"].push_back(entry);
    }
  }
  io::write_json(options.output, json);
}

/// Writes what each layer needs at a batch, and the whole step, whose layers share memory.
void memory_to_json(const network::NetworkPlan& plan, const layers::Target& target,
                    std::size_t batch, bool training, io::Json& json) {
  io::Json layers = io::Json::array();
  for (const network::LayerBytes& bytes : plan.memory_by_layer(target, batch, training)) {
    io::Json layer = {{"layer", bytes.layer}};
    for (const auto& purpose : network::kMemoryPurposes) {
      layer[purpose.key()] = bytes.*purpose.of_layer;
    }
    layers.push_back(std::move(layer));
  }
  const network::Memory memory = plan.memory(target, batch, training);
  io::Json total = io::Json::object();
  for (const auto& purpose : network::kMemoryPurposes) {
    if (purpose.of_network != nullptr) total[purpose.key()] = memory.*purpose.of_network;
  }
  json["memory"] = {{"batch", batch}, {"layers", layers}, {"total", total}};
}

/// Warns if the exchange between threads takes another time than when the machine file was
/// measured, since a hypervisor may have moved the processors.
void warn_of_exchange(const io::Json& machine_file, const std::string& name,
                      const Disturbance& disturbance) {
  constexpr double kOther = 1.5;
  const auto pulse = machine_file.find("pulse");
  if (pulse == machine_file.end() || disturbance.exchange_pulse.repeats == 0) return;
  const auto exchange = pulse->find("exchange");
  if (exchange == pulse->end() || !exchange->is_number()) return;
  const double then = exchange->get<double>(), now = disturbance.exchange_pulse.median;
  if (now < kOther * then && then < kOther * now) return;
  warn(fmt::format(
      "a thread reads what another wrote in {} now, and in {} when {} was measured: the exchange "
      "is {}, as after a hypervisor moved the processors, and {}; measure the machine again, or "
      "run again later",
      show_seconds(now), show_seconds(then), name, now > then ? "slower" : "faster",
      now > then ? "layers may wrongly be classified as overhead"
                 : "layers may be faster than the ceilings of that file"));
}

template <class Space, class T>
Measured measure(const Space& instance, SpaceKind space, const RooflineOptions& options,
                 const Session& session, io::Json machine_file) {
  const config::Deck& deck = session.deck;
  Measured measured;
  measured.json = machine::new_result("ridgeline-roofline");
  model::StepOptions measuring;
  measuring.gemm = network::gemm_backend(deck);
  measuring.training = options.phase == "train";
  measuring.repeats = options.repeats;
  measuring.stopped = stop_requested;
  EnergyMeter energy({"/", kIsHost<Space> ? "" : device_address()});
  measuring.energy = &energy;
  const std::vector<std::size_t> batches = batches_of(options, deck);
  const layers::Target target = layers::target_of<Space, T>(instance, measuring.gemm);
  require_host_memory(space, deck, static_cast<std::int64_t>(batches.back()),
                      session.plan->memory(target, batches.back(), measuring.training));
  defer_stop_signals();
  std::string name = options.machine;
  if (name.empty()) {
    note("no --machine file: measuring this machine first (under 25 s)");
    machine_file = machine::to_json(measure_machine({space}, true));
    name = "this machine";
  }
  if (stop_requested()) return measured;
  const std::string difference =
      machine::machine_difference(machine_file["machine"], measured.json["machine"]);
  if (!difference.empty()) warn(name + " is another machine's file: " + difference);
  const std::string setting =
      machine::setting_difference(machine_file["machine"], measured.json["machine"]);
  if (difference.empty() && !setting.empty()) {
    warn(name + " was measured in another setting than this run's: " + setting);
  }
  const model::Ceilings ceilings(machine_file, name, to_string(space),
                                 config::to_string(deck.network.precision),
                                 space == SpaceKind::openmp ? Runtime::host_threads().count : 1);
  for (const std::string& text : ceilings.notes()) warn(text);
  measured.ceilings = CeilingSummary(
      ceilings, name,
      model::level_ceilings(machine_file, name, to_string(space), ceilings.threads()));
  memory_to_json(*session.plan, target, batches.back(), measuring.training, measured.json);
  Guard guard(space);
  for (const std::size_t batch : batches) {
    if (stop_requested()) break;
    measuring.batch = batch;
    measured.batches.push_back(
        {batch, model::place_under(ceilings,
                                   model::time_step<Space, T>(instance, session.plan, measuring))});
  }
  measured.disturbance = guard.report();
  if (!options.trace.empty() && !measured.batches.empty() && !stop_requested()) {
    measuring.batch = measured.batches.back().batch;
    measured.trace =
        model::chrome_trace(model::trace_step<Space, T>(instance, session.plan, measuring),
                            *session.plan, measured.batches.back().roofline, measuring.training);
    measured.trace["otherData"] = {{"network", deck.title},
                                   {"batch", measuring.batch},
                                   {"space", to_string(space)},
                                   {"ridgeline_version", measured.json["ridgeline_version"]}};
  }
  if (difference.empty() && setting.empty()) {
    warn_of_exchange(machine_file, name, measured.disturbance);
  }
  return measured;
}

void show(const Measured& measured, const RooflineOptions& options, const config::Deck& deck,
          SpaceKind space, const std::vector<std::string>& answers, io::TableFormat format) {
  const std::vector<model::BatchRoofline>& batches = measured.batches;
  if (batches.empty()) return;
  const bool several = batches_of(options, deck).size() > 1;
  if (format == io::TableFormat::table) {
    const std::string batch = several ? "" : fmt::format(", batch {}", batches.front().batch);
    print_head(
        fmt::format("{}{}, {}", deck.title, batch, config::to_string(deck.network.precision)),
        *measured.ceilings, space);
  }
  if (several) {
    print_batches(batches, format);
  } else {
    print_roofline(batches.front().roofline, format);
  }
  if (format != io::TableFormat::table) return;
  print("\n");
  for (const std::string& answer : answers) print_wrapped("- " + answer + "\n", 2);
}

void warn_above_roof(const std::vector<model::BatchRoofline>& batches) {
  for (const model::BatchRoofline& at : batches) {
    for (const model::LayerRecord& record : at.roofline.records) {
      if (!record.placement.above_roof) continue;
      warn(fmt::format(
          "{}/{} at batch {} is above its roof: a fault of the ceilings or of the counts",
          record.part.layer, layers::to_string(record.part.phase), at.batch));
    }
  }
}

Status run(const RooflineOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets);
  const SpaceKind space = resolve_space(options.deck.space);
  io::RunFiles files;
  add_inputs(deck, files);
  io::Json machine_file;
  if (!options.machine.empty()) {
    files.input("--machine", options.machine);
    machine_file = io::read_json(options.machine, "ridgeline-machine");
  }
  if (!options.output.empty()) {
    add_output("--output", options.output, "choose another --output", files);
  }
  if (!options.trace.empty()) {
    add_output("--trace", options.trace, "choose another --trace", files);
  }
  const Session session = open_session(deck);
  const ComputeRuntime runtime(common);
  Measured measured = with_space(space, [&](const auto& instance) {
    using Space = std::decay_t<decltype(instance)>;
    return with_scalar(config::scalar_bytes(deck.network.precision), [&](auto zero) {
      return measure<Space, decltype(zero)>(instance, space, options, session, machine_file);
    });
  });
  std::vector<std::string> answers;
  if (!measured.batches.empty()) {
    answers = model::explain(measured.batches, options.phase == "train");
    measured.notes = notes_on_marks(measured.batches);
  }
  write_and_show(
      [&] {
        if (!options.output.empty()) write_result(options, deck, space, answers, measured);
        if (!measured.trace.is_null()) io::write_json(options.trace, measured.trace);
      },
      [&] { show(measured, options, deck, space, answers, format); });
  for (const std::string& text : measured.notes) note("note: " + text);
  warn_of(measured.disturbance);
  warn_above_roof(measured.batches);
  std::vector<std::string> written;
  if (!options.output.empty()) written.push_back(options.output);
  if (!measured.trace.is_null()) written.push_back(options.trace);
  if (!written.empty()) note(written_to(written));
  if (!stop_requested()) return Status::done;
  return stopped_incomplete();
}

}  // namespace

void add_roofline(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb =
      app.add_subcommand("roofline", "Time every layer and place it under the machine's ceilings");
  auto options = std::make_shared<RooflineOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--machine", options->machine,
                   "Machine file (default: the machine is measured first)");
  verb->add_option("--batch", options->batches,
                   "Samples per step, or several such as 1,8,128 (default: the deck's batch)")
      ->delimiter(',')
      ->transform(integer(1, 1 << 20));
  verb->add_option("--phase", options->phase, "train or infer")
      ->check(CLI::IsMember({"train", "infer"}))
      ->capture_default_str();
  verb->add_option("--output", options->output, "Result file (JSON)");
  verb->add_option("--trace", options->trace,
                   "One step with its kernels, of the largest batch, as a Chrome trace (JSON), "
                   "which Perfetto opens");
  verb->add_option("--repeats", options->repeats, "Steps to time, at least")
      ->transform(integer(1, 1000000))
      ->capture_default_str();
  verb->footer("Example:\n  ridgeline roofline inputs/fashion_mlp.toml --machine machine.json");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
