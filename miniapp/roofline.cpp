#include "model/roofline.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "io/file.hpp"
#include "io/json.hpp"
#include "io/table.hpp"
#include "machine.hpp"
#include "machine/description.hpp"
#include "network/trainer.hpp"
#include "session.hpp"
#include "signals.hpp"

namespace ridgeline::miniapp {
namespace {

struct RooflineOptions {
  DeckOptions deck;
  std::string machine, output, phase = "train";
  std::int64_t batch = 0;
  int repeats = 10;
};

// A value that there is not: null to programs.
io::Cell none() { return io::Cell::shown_as(std::nan(""), "-"); }

// What is divided by a time below the timer's resolution is none.
io::Cell rate(double value) { return value > 0 ? io::Cell(value, "{:.1f}") : none(); }

void add_row(io::Table& table, const std::string& layer, const std::string& phase,
             const layers::Counts& counts, const Timing& seconds,
             const model::Placement& placement) {
  const bool work = placement.ceiling_seconds > 0;
  table.add_row(
      {io::Cell(layer), io::Cell(phase), io::Cell::shown_as(counts.flops, show_flops(counts.flops)),
       io::Cell::shown_as(counts.bytes, show_bytes(counts.bytes)),
       counts.bytes > 0 ? io::Cell(placement.intensity, "{:.2f}") : none(),
       io::Cell::shown_as(seconds.median, show_seconds(seconds.median)), rate(placement.gflops),
       rate(placement.gbytes_per_second),
       work ? io::Cell(model::to_string(placement.bound)) : none(),
       work ? io::Cell::shown_as(placement.fraction_of_ceiling,
                                 fmt::format("{:.0f} %{}", 100 * placement.fraction_of_ceiling,
                                             placement.above_roof ? " (!)" : ""))
            : none()});
}

void print_roofline(const model::Roofline& roofline, io::TableFormat format) {
  io::Table table({{"layer", "layer", io::Align::left},
                   {"phase", "phase", io::Align::left},
                   {"FLOPs", "flops"},
                   {"bytes", "bytes"},
                   {"FLOP/B", "flops_per_byte"},
                   {"time", "seconds"},
                   {"GFLOP/s", "gflops_per_second"},
                   {"GB/s", "gbytes_per_second"},
                   {"bound", "bound", io::Align::left},
                   {"of ceiling", "fraction_of_ceiling"}});
  for (const model::LayerRecord& record : roofline.records) {
    add_row(table, record.part.layer, layers::to_string(record.part.phase), record.counts,
            record.seconds, record.placement);
  }
  add_row(table, "total", "end to end", roofline.counts, roofline.total, roofline.placement);
  table.print(std::cout, format);
}

Status run(const RooflineOptions& options, const CommonOptions& common) {
  const io::TableFormat format = io::parse_table_format(common.format);
  const config::Deck deck = config::Deck::load(options.deck.deck, options.deck.sets);
  const SpaceKind space = resolve_space(options.deck.space);
  io::RunFiles files;
  add_inputs(deck, files);
  if (!options.machine.empty()) files.input("--machine", options.machine);
  if (!options.output.empty()) {
    add_output("--output", options.output, "choose another --output", files);
  }
  io::Json machine_file;
  std::string machine_name = options.machine;
  if (!options.machine.empty()) machine_file = io::read_json(options.machine, "ridgeline-machine");
  const Session session = open_session(deck);

  model::StepOptions measuring;
  measuring.gemm = network::gemm_backend(deck);
  measuring.batch = static_cast<std::size_t>(options.batch > 0 ? options.batch : deck.train.batch);
  measuring.training = options.phase == "train";
  measuring.repeats = options.repeats;
  measuring.stopped = stop_requested;
  const std::string precision = config::to_string(deck.network.precision);
  io::Json json;
  Disturbance disturbance;
  const model::Roofline roofline =
      compute(space, deck.network.precision, common, [&](const auto& instance, auto scalar) {
        using Space = std::decay_t<decltype(instance)>;
        using T = decltype(scalar);
        json = machine::new_result("ridgeline-roofline");
        const layers::Target target =
            layers::target_of<Space, T>(instance, network::gemm_backend(deck));
        require_host_memory(space, deck, static_cast<std::int64_t>(measuring.batch),
                            session.plan->memory(target, measuring.batch, measuring.training));
        defer_stop_signals();
        if (options.machine.empty()) {
          note("no --machine file: measuring this machine first (under 20 s)");
          machine_file = machine::to_json(measure_machine({space}, true));
          machine_name = "this machine";
        }
        if (stop_requested()) return model::Roofline();
        Guard guard;
        const std::string difference =
            machine::machine_difference(machine_file["machine"], json["machine"]);
        if (!difference.empty()) {
          warn(machine_name + " is another machine's file: " + difference);
        }
        const model::Ceilings ceilings(machine_file, machine_name, to_string(space), precision);
        const auto timed = model::time_step<Space, T>(instance, session.plan, measuring);
        disturbance = guard.report();
        return model::place_under(ceilings, timed);
      });
  if (!options.output.empty()) {
    json["network"] = deck.title;
    json["batch"] = measuring.batch;
    json["space"] = to_string(space);
    json["phase"] = options.phase;
    json["precision"] = precision;
    json["gemm"] = config::to_string(deck.network.gemm);
    json["machine_file"] = machine_name;
    json["complete"] = !stop_requested();
    json["disturbed"] = machine::to_json(disturbance);
    deck_to_json(json, deck, options.deck.sets);
    io::Json measured;
    model::to_json(measured, roofline);
    json.update(measured);
    io::write_json(options.output, json);
  }
  if (format == io::TableFormat::table) {
    print(fmt::format("{}, batch {}, {} on {}\n\n", deck.title, measuring.batch, precision,
                      to_string(space)));
  }
  print_roofline(roofline, format);
  warn_of(disturbance);
  for (const model::LayerRecord& record : roofline.records) {
    if (record.placement.above_roof) {
      warn(fmt::format("{}/{} is above its roof: a fault of the ceilings or of the counts",
                       record.part.layer, layers::to_string(record.part.phase)));
    }
  }
  if (!options.output.empty()) note(written_to({options.output}));
  if (!stop_requested()) return Status::done;
  return stopped_incomplete();
}

}  // namespace

void add_roofline(CLI::App& app, const CommonOptions& common, Action& action) {
  CLI::App* verb =
      app.add_subcommand("roofline", "Time every layer and place it under the machine's ceilings");
  auto options = std::make_shared<RooflineOptions>();
  options->deck.add_to(*verb);
  verb->add_option("--machine", options->machine, "Machine file (measured first if absent)");
  verb->add_option("--batch", options->batch, "Samples a step (default: the deck's batch)")
      ->transform(integer(1, 1 << 20));
  verb->add_option("--phase", options->phase, "train or infer")
      ->check(CLI::IsMember({"train", "infer"}))
      ->capture_default_str();
  verb->add_option("--output", options->output, "Result file (JSON)");
  verb->add_option("--repeats", options->repeats, "Steps to time, at least")
      ->transform(integer(1, 1000000))
      ->capture_default_str();
  verb->footer("Example:\n  ridgeline roofline inputs/fashion_mlp.toml --machine machine.json");
  verb->callback(
      [=, &common, &action] { action = [=, &common] { return run(*options, common); }; });
}

}  // namespace ridgeline::miniapp
